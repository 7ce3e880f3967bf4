# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of `sisctl check` share: asking it, and doing damage to a store."""

import json
import os
import sqlite3

from sis_testlib import *


def check_store(daemon, *more, status=65):
    done = daemon.sisctl("--json", "check", *more, status=status)
    return json.loads(done.stdout)


def offline(daemon, *more, status=0):
    done = run_program([os.path.join(BUILD, "sisctl"), "--json", "check", "--offline", "--config", daemon.config] + list(more), status=status)
    return json.loads(done.stdout) if done.stdout else {"problems": [], "error": done.stderr} if status is None else done.stderr


def kinds(reply):
    return sorted(p["kind"] for p in reply["problems"])


def object_of(daemon, item):
    return os.path.join(daemon.state_dir, "objects", item[:2], item)


def lost(daemon):
    return sorted(os.listdir(os.path.join(daemon.state_dir, "lost")))


def ask(daemon, sql):
    database = sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"), timeout=10)
    rows = database.execute(sql).fetchall()
    database.close()
    return rows


def edit(daemon, *statements):
    database = sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"), timeout=10)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def damage_pages(path, table, which=slice(1, 2)):
    """Spoils leaves of the table's tree: the rows in them are lost, those before and behind are not. How many leaves there are."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = database.execute("PRAGMA page_size").fetchone()[0]
    pages = [row[0] for row in database.execute("SELECT pageno FROM dbstat WHERE name=? AND pagetype='leaf' ORDER BY path", (table,))]
    database.close()
    with open(path, "r+b") as file:
        for page in pages[which]:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
    return len(pages)
