Network torchvision.models.alexnet {
Layer 1 {
Type: CONV
Stride { X: 4, Y: 4 }
Dimensions { K: 64, C: 3, R: 11, S: 11, Y: 224, X: 224 }
Dataflow {
SpatialMap(1,1) Y';
TemporalMap(1,1) X';
TemporalMap(1,1) C;
TemporalMap(16,16) K;
TemporalMap(11,11) R;
TemporalMap(11,11) S;
Cluster(11,P);
SpatialMap(1,1) Y;
SpatialMap(1,1) R;
TemporalMap(11,11) S;
}
}
Layer 2 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 192, C: 64, R: 5, S: 5, Y: 27, X: 27 }
Dataflow {
SpatialMap(1,1) Y';
TemporalMap(1,1) X';
TemporalMap(1,1) C;
TemporalMap(16,16) K;
TemporalMap(5,5) R;
TemporalMap(5,5) S;
Cluster(5,P);
SpatialMap(1,1) Y;
SpatialMap(1,1) R;
TemporalMap(5,5) S;
}
}
Layer 3 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 384, C: 192, R: 3, S: 3, Y: 13, X: 13 }
Dataflow {
SpatialMap(1,1) Y';
TemporalMap(1,1) X';
TemporalMap(1,1) C;
TemporalMap(16,16) K;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
Cluster(3,P);
SpatialMap(1,1) Y;
SpatialMap(1,1) R;
TemporalMap(3,3) S;
}
}
}
