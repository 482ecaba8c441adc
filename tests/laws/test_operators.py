"""Every step obeys every law."""

from collections.abc import Callable

import pytest

from tests.laws.operator_laws import BENCHES, EXEMPT, LAWS, Bench

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("bench", BENCHES, ids=str)
def test_law(bench: Bench, law: Callable[[Bench], None]) -> None:
    if (str(bench), law.__name__) in EXEMPT:
        pytest.skip("exempt, with its reason")
    law(bench)
