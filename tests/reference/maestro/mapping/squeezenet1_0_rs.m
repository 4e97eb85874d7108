Network torchvision.models.squeezenet {
Layer 1 {
Type: CONV
Stride { X: 2, Y: 2 }
Dimensions { K: 96, C: 3, R: 7, S: 7, Y: 224, X: 224 }
Dataflow {
SpatialMap(1,1) Y';
TemporalMap(1,1) X';
TemporalMap(1,1) C;
TemporalMap(16,16) K;
TemporalMap(7,7) R;
TemporalMap(7,7) S;
Cluster(7,P);
SpatialMap(1,1) Y;
SpatialMap(1,1) R;
TemporalMap(7,7) S;
}
}
Layer 2 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 16, C: 96, R: 1, S: 1, Y: 54, X: 54 }
Dataflow {
SpatialMap(1,1) Y';
TemporalMap(1,1) X';
TemporalMap(1,1) C;
TemporalMap(16,16) K;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
Cluster(1,P);
SpatialMap(1,1) Y;
SpatialMap(1,1) R;
TemporalMap(1,1) S;
}
}
Layer 3 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 64, C: 16, R: 1, S: 1, Y: 54, X: 54 }
Dataflow {
SpatialMap(1,1) Y';
TemporalMap(1,1) X';
TemporalMap(1,1) C;
TemporalMap(16,16) K;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
Cluster(1,P);
SpatialMap(1,1) Y;
SpatialMap(1,1) R;
TemporalMap(1,1) S;
}
}
Layer 4 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 64, C: 16, R: 3, S: 3, Y: 54, X: 54 }
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
