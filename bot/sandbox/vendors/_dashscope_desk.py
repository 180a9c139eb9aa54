"""The jobs of the DashScope stand-in as its control API tells them."""

from typing import Any

from bot.sandbox.vendors._dashscope_jobs import JobKind, Status, Task, Training
from bot.sandbox.vendors._dashscope_work import Workshop


def describe_jobs(shop: Workshop) -> list[dict[str, Any]]:
    """Every training and then every task, oldest first. Deleted ones were paid for too."""
    trainings = [
        {
            "kind": JobKind.TRAINING,
            "id": job.job_id,
            "name": job.job_name,
            "face": job.face,
            "style": None,
            "images": 0,
            "note": "deleted" if job.deleted else _reason(job),
            "photo_links": [source for source in job.sources if source.startswith("http")],
            **_common(shop, job),
        }
        for job in shop.jobs.trainings.all()
    ]
    tasks = [
        {
            "kind": JobKind.INFERENCE,
            "id": task.task_id,
            "name": task.style,
            "face": task.face_job and f"facechain-finetune-{task.face_job}",
            "style": task.style,
            "images": task.images,
            "note": _reason(task),
            **_common(shop, task),
        }
        for task in shop.jobs.tasks.all()
    ]
    return trainings + tasks


def _reason(job: Training | Task) -> str:
    return job.message if job.status is Status.FAILED else ""


def _common(shop: Workshop, job: Training | Task) -> dict[str, Any]:
    return {
        "status": job.status,
        "progress": shop.progress(job),
        "created_at": job.created_at,
        "ended_at": job.ended_at,
    }
