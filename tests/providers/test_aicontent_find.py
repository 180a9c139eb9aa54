"""AIContent: finding a job whose answer was lost."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.providers import (
    RemoteRef,
    RemoteState,
    UnexpectedResponse,
)
from tests.providers.aicontent.wire import (
    MODEL,
    Wire,
    generation,
    sample,
    training,
    vendor,
)


def rows(*changes: dict[str, Any]) -> dict[str, Any]:
    body = sample("query_model_train_job_list")
    (row,) = body["data"]
    return body | {"data": [row | change for change in changes]}


async def test_a_training_is_found_by_its_name_alone() -> None:
    listed = rows({"id": "1", "name": "other"}, {"id": 2, "name": "mine"}, {"id": "3", "name": "mine-not"})
    provider = vendor(Wire(queryModelTrainJobList=listed))
    found = await provider.find(training(), key="mine", known=frozenset())
    assert found is not None
    assert found.ref == RemoteRef(kind="training", id="2", model_id=MODEL)
    assert found.state is RemoteState.RUNNING
    assert await provider.find(training(), key="mine", known=frozenset({"2"})) is None


async def test_a_finished_training_that_is_found_is_left_to_the_poll() -> None:
    listed = rows({"name": "mine", "jobStatus": "FINISHED"})
    found = await vendor(Wire(queryModelTrainJobList=listed)).find(training(), key="mine", known=frozenset())
    assert found is not None
    assert found.state is RemoteState.RUNNING


def inferences(*jobs: dict[str, Any]) -> dict[str, Any]:
    one = sample("add_inference_job")["data"]
    other = {"modelId": "dog_1", "inferenceJobList": [one | {"id": "99", "modelId": "dog_1"}]}
    return rows({"inferenceJobList": [one | job for job in jobs]}, other)


LEFT = datetime(2024, 7, 12, 6, 44, 20, tzinfo=UTC)
"""When the call left: 14:44:20 by the vendor's clock."""


async def test_a_generation_is_found_as_the_one_of_its_model_that_is_not_ours() -> None:
    listed = inferences({"id": "10", "createTime": "2024-07-12T14:44:19.362931"}, {"id": 11})
    provider = vendor(Wire(queryModelTrainJobList=listed))
    for known, wanted in (({"11"}, "10"), ({"10"}, "11")):
        found = await provider.find(generation(), key="k", known=frozenset(known), since=LEFT)
        assert found is not None
        assert found.ref == RemoteRef(kind="generation", id=wanted, model_id=MODEL)
    assert await provider.find(generation(), key="k", known=frozenset({"10", "11"}), since=LEFT) is None


async def test_what_somebody_made_before_the_call_is_not_taken_for_a_person_s_own() -> None:
    listed = inferences({"id": "10", "createTime": "2024-07-12T14:40:00"}, {"id": "11"})
    found = await vendor(Wire(queryModelTrainJobList=listed)).find(
        generation(), key="k", known=frozenset(), since=LEFT
    )
    assert found is not None
    assert found.ref.id == "11"


@pytest.mark.parametrize(
    "times", [("2024-07-12T14:44:21", "2024-07-12T14:44:25"), ("2024-07-12T14:40:00",), (None, None)]
)
async def test_where_nobody_can_tell_nothing_is_adopted_and_nothing_is_called_absent(
    times: tuple[str | None, ...],
) -> None:
    listed = inferences(*({"id": str(n), "createTime": at} for n, at in enumerate(times)))
    provider = vendor(Wire(queryModelTrainJobList=listed))
    with pytest.raises(UnexpectedResponse):
        await provider.find(generation(), key="k", known=frozenset(), since=LEFT)


async def test_a_model_without_generations_has_none_to_find() -> None:
    for listed in (rows({"inferenceJobList": None}), rows({"inferenceJobList": "none"})):
        provider = vendor(Wire(queryModelTrainJobList=listed))
        assert await provider.find(generation(), key="k", known=frozenset()) is None


async def test_a_list_without_the_model_is_no_proof_that_it_made_nothing() -> None:
    for listed in (rows(), rows() | {"data": None}, rows({"modelId": "dog_1"})):
        provider = vendor(Wire(queryModelTrainJobList=listed))
        with pytest.raises(UnexpectedResponse, match="lacks the model"):
            await provider.find(generation(), key="k", known=frozenset())
