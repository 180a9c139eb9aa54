"""Contact sheets as files at the surface: a row before one can be seen there, none once it is deleted."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select, update

from storage._rows import Repository
from storage.records.trays import Sheet, TrayState
from storage.schema import sheet, tray


class Sheets(Repository):
    """A tray has one, and for a moment two: what replaces it, and what is to be deleted."""

    def begun(self, tray_id: str, stamp: str, file_id: str) -> Sheet:
        """A file has its name, and may come to be seen."""
        values = {"tray_id": tray_id, "stamp": stamp, "file_id": file_id}
        # Of two sheets the later must have the larger number, also where the earlier is gone by now.
        newest = select(func.coalesce(func.max(sheet.c.number), 0) + 1).scalar_subquery()
        row = self.conn.execute(insert(sheet).values(number=newest, **values).returning(sheet)).one()
        return Sheet(row.number, row.tray_id, row.stamp, row.file_id, row.ready)

    def is_ready(self, number: int) -> None:
        """The file can be shown."""
        self.conn.execute(update(sheet).where(sheet.c.number == number).values(ready=True))

    def of_tray(self, tray_id: str) -> list[Sheet]:
        """Every sheet of a tray that may still be there, oldest first."""
        rows = self.conn.execute(select(sheet).where(sheet.c.tray_id == tray_id).order_by(sheet.c.number))
        return [Sheet(row.number, row.tray_id, row.stamp, row.file_id, row.ready) for row in rows]

    def gone(self, number: int) -> None:
        """The file is deleted."""
        self.conn.execute(delete(sheet).where(sheet.c.number == number))

    def left_over(self) -> list[str]:
        """The trays that are over and have a sheet all the same."""
        rows = select(sheet.c.tray_id).join(tray, tray.c.id == sheet.c.tray_id)
        return list(self.conn.execute(rows.where(tray.c.state != TrayState.OPEN).distinct()).scalars())
