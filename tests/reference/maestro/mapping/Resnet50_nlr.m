Network Resnet50 {
Layer CONV1 {
Type: CONV
Stride { X: 2, Y: 2 }
Dimensions { K: 64, C: 3, R: 7, S: 7, Y: 224, X: 224 }
Dataflow {
TemporalMap(1,1) K;
TemporalMap(7,1) Y;
TemporalMap(7,1) X;
TemporalMap(7,7) R;
TemporalMap(7,7) S;
SpatialMap(1,1) C;
}
}
Layer CONV2_1_1 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 64, C: 64, R: 1, S: 1, Y: 56, X: 56 }
Dataflow {
TemporalMap(1,1) K;
TemporalMap(1,1) Y;
TemporalMap(1,1) X;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
SpatialMap(1,1) C;
}
}
Layer CONV2_1_2 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 64, C: 64, R: 3, S: 3, Y: 56, X: 56 }
Dataflow {
TemporalMap(1,1) K;
TemporalMap(3,1) Y;
TemporalMap(3,1) X;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
SpatialMap(1,1) C;
}
}
}
