Network ResNeXt50 {
Layer CONV1 {
Type: CONV
Stride { X: 2, Y: 2 }
Dimensions { K: 64, C: 3, R: 1, S: 1, Y: 224, X: 224 }
Dataflow {
SpatialMap(1,1) K;
TemporalMap(64,64) C;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
TemporalMap(1,1) Y;
TemporalMap(1,1) X;
Cluster(64,P);
SpatialMap(1,1) C;
TemporalMap(1,1) Y;
TemporalMap(1,1) X;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
}
}
Layer CONV2_1_1 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 128, C: 64, R: 1, S: 1, Y: 56, X: 56 }
Dataflow {
SpatialMap(1,1) K;
TemporalMap(64,64) C;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
TemporalMap(1,1) Y;
TemporalMap(1,1) X;
Cluster(64,P);
SpatialMap(1,1) C;
TemporalMap(1,1) Y;
TemporalMap(1,1) X;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
}
}
Layer CONV2_1_2 {
Type: NGCONV
Stride { X: 1, Y: 1 }
Dimensions { G: 32, K: 4, C: 128, R: 3, S: 3, Y: 56, X: 56 }
Dataflow {
TemporalMap(1,1) G;
SpatialMap(1,1) K;
TemporalMap(64,64) C;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
TemporalMap(3,1) Y;
TemporalMap(3,1) X;
Cluster(64,P);
SpatialMap(1,1) C;
TemporalMap(3,1) Y;
TemporalMap(3,1) X;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
}
}
}
