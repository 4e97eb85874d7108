Network VGG16 {
Layer CONV13 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 512, C: 512, R: 3, S: 3, Y: 14, X: 14 }
Dataflow {
TemporalMap(8,8) K;
TemporalMap(16,16) C;
SpatialMap(3,1) Y;
TemporalMap(3,1) X;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
Cluster(4,P);
SpatialMap(4,4) C;
TemporalMap(2,2) K;
}
}
}
