Network Transformer {
Layer MH_FC_DimReduce_VKQ_0 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { N: 128, K: 1536, C: 1, R: 1, S: 512, Y: 1, X: 512 }
Dataflow {
SpatialMap(1,1) K;
TemporalMap(1,1) C;
TemporalMap(1,1) R;
TemporalMap(512,512) S;
TemporalMap(1,1) Y;
TemporalMap(512,1) X;
Cluster(1,P);
SpatialMap(1,1) C;
TemporalMap(1,1) Y;
TemporalMap(512,1) X;
TemporalMap(1,1) R;
TemporalMap(512,512) S;
}
}
Layer SD_MatMul_QK_00 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { N: 1, K: 128, C: 1, R: 64, S: 1, Y: 64, X: 128 }
Dataflow {
SpatialMap(2,1) K;
TemporalMap(1,1) C;
TemporalMap(64,64) R;
TemporalMap(1,1) S;
TemporalMap(64,1) Y;
TemporalMap(1,1) X;
}
}
Layer SD_MatMul_V_00 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { N: 1, K: 128, C: 1, R: 128, S: 1, Y: 128, X: 64 }
Dataflow {
SpatialMap(1,1) K;
TemporalMap(1,1) C;
TemporalMap(128,128) R;
TemporalMap(1,1) S;
TemporalMap(128,1) Y;
TemporalMap(1,1) X;
Cluster(1,P);
SpatialMap(1,1) C;
TemporalMap(128,1) Y;
TemporalMap(1,1) X;
TemporalMap(128,128) R;
TemporalMap(1,1) S;
}
}
Layer MH_FC_DimRecast_0 {
Type: CONV
Stride { X: 1, Y: 1 }
Dimensions { N: 128, K: 512, C: 1, R: 1, S: 512, Y: 1, X: 512 }
Dataflow {
SpatialMap(1,1) K;
TemporalMap(1,1) C;
TemporalMap(1,1) R;
TemporalMap(512,512) S;
TemporalMap(1,1) Y;
TemporalMap(512,1) X;
Cluster(1,P);
SpatialMap(1,1) C;
TemporalMap(1,1) Y;
TemporalMap(512,1) X;
TemporalMap(1,1) R;
TemporalMap(512,512) S;
}
}
}
