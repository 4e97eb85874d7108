Network MobileNetV2 {
Layer CONV1 {
Type: CONV
Stride { X: 2, Y: 2 }
Dimensions { K: 32, C: 3, R: 1, S: 1, Y: 224, X: 224 }
Dataflow {
TemporalMap(1,1) K;
TemporalMap(1,1) C;
SpatialMap(1,1) Y;
TemporalMap(8,8) X;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
Cluster(8,P);
SpatialMap(1,1) X;
}
}
Layer Bottleneck1_1_1 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { K: 32, C: 32, R: 1, S: 1, Y: 112, X: 112 }
Dataflow {
TemporalMap(1,1) K;
TemporalMap(1,1) C;
SpatialMap(1,1) Y;
TemporalMap(8,8) X;
TemporalMap(1,1) R;
TemporalMap(1,1) S;
Cluster(8,P);
SpatialMap(1,1) X;
}
}
Layer Bottleneck1_1_2 {
Type: DSCONV
Stride { X: 1, Y: 1 }
Dimensions { K: 1, C: 32, R: 3, S: 3, Y: 112, X: 112 }
Dataflow {
TemporalMap(1,1) C;
SpatialMap(3,1) Y;
TemporalMap(10,8) X;
TemporalMap(3,3) R;
TemporalMap(3,3) S;
Cluster(8,P);
SpatialMap(3,1) X;
}
}
}
