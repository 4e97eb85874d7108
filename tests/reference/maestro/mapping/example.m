Network ResNeXt50 {
Layer CONV1 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 64, C: 128, R: 3, S: 3, Y: 224, X: 224 }
Dataflow {
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
