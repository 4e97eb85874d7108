"""Our executors and file formats keep what tileloom.testing asks of every one."""

import pytest

from tileloom.explore.executors.base import Executor
from tileloom.explore.executors.local import LocalExecutor
from tileloom.explore.formats import FORMATS, Format
from tileloom.testing import ExecutorSuite, FrontEndSuite

SAMPLES = {
    "tccg": b"abcd-ea-ebcd & a:4;b:2;c:2;d:2;e:3;\nC[i,j] = A[i,k] * B[k,j] & i:4;j:2;k:2;\n",
    "comet": b"def main() {\n IndexLabel [i] = [4];\n IndexLabel [j] = [2];\n IndexLabel [k] = [3];\n"
    b" Tensor<double> A([i, k], {Dense});\n Tensor<double> B([k, j], {Dense});\n Tensor<double> C([i, j], {Dense});\n"
    b" C[i,j] = A[i,k] * B[k,j];\n print(C);\n}\n",
}


class TestOurExecutors(ExecutorSuite):
    @pytest.fixture(params=[1, 2], ids=["in this process", "two processes"])
    def executor(self, request: pytest.FixtureRequest) -> Executor:
        return LocalExecutor(request.param)


class TestOurFormats(FrontEndSuite):
    @pytest.fixture(params=list(SAMPLES))
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def front_end(self, kind: str) -> Format:
        return FORMATS.get(kind)

    @pytest.fixture
    def sample(self, kind: str) -> bytes:
        return SAMPLES[kind]
