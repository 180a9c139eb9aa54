"""AIContent: finding a job whose answer was lost."""

from typing import Any

from bot.providers import (
    RemoteRef,
    RemoteState,
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


async def test_a_generation_is_found_as_the_newest_of_its_model_that_is_not_ours() -> None:
    listed = inferences(
        {"id": "10", "createTime": "2024-07-12T14:44:19.362931"},
        {"id": 11, "createTime": "2024-07-12T14:44:20.1234567"},
        {"id": "9", "createTime": "2024-07-12T14:44:21"},
    )
    provider = vendor(Wire(queryModelTrainJobList=listed))
    for known, wanted in ((set(), "9"), ({"9"}, "11"), ({"9", "11"}, "10")):
        found = await provider.find(generation(), key="k", known=frozenset(known))
        assert found is not None
        assert found.ref == RemoteRef(kind="generation", id=wanted, model_id=MODEL)
    assert await provider.find(generation(), key="k", known=frozenset({"9", "10", "11"})) is None


async def test_generations_of_the_same_moment_are_told_apart_by_their_ids() -> None:
    listed = inferences({"id": "9"}, {"id": "10"}, {"id": "8", "createTime": None})
    found = await vendor(Wire(queryModelTrainJobList=listed)).find(generation(), key="k", known=frozenset())
    assert found is not None
    assert found.ref.id == "10"


async def test_a_model_without_generations_or_an_empty_list_has_none_to_find() -> None:
    for listed in (
        rows({"inferenceJobList": None}),
        rows({"inferenceJobList": "none"}),
        rows(),
        rows() | {"data": None},
    ):
        provider = vendor(Wire(queryModelTrainJobList=listed))
        assert await provider.find(generation(), key="k", known=frozenset()) is None
