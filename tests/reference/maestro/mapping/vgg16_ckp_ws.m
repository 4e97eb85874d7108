Network vgg16 {
Layer CONV1 {
Type: CONV
Dimensions { K: 64, C: 3, R: 3, S: 3, Y: 224, X: 224 }
Dataflow {
SpatialMap(1,1) C;
TemporalMap(64,64) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
TemporalMap(1,1) Y';
TemporalMap(1,1) X';
Cluster(64,P);
SpatialMap(1,1) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
}
}
Layer CONV2 {
Type: CONV
Dimensions { K: 64, C: 64, R: 3, S: 3, Y: 224, X: 224 }
Dataflow {
SpatialMap(1,1) C;
TemporalMap(64,64) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
TemporalMap(1,1) Y';
TemporalMap(1,1) X';
Cluster(64,P);
SpatialMap(1,1) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
}
}
Layer CONV3 {
Type: CONV
Dimensions { K: 128, C: 64, R: 3, S: 3, Y: 112, X: 112 }
Dataflow {
SpatialMap(1,1) C;
TemporalMap(64,64) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
TemporalMap(1,1) Y';
TemporalMap(1,1) X';
Cluster(64,P);
SpatialMap(1,1) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
}
}
}
