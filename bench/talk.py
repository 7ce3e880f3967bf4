# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a word is under way: from the line written into one `sis chat` to the line that another prints, both through pipes."""
import statistics
import subprocess
import time

N_WORDS = 500
N_WARM = 20


def chat(bench):
    alice, bob = bench.daemon.client("talker"), bench.daemon.client("listener")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([bench.sis, "--home", alice.home, "chat", bob.user], **pipes) as left, \
            subprocess.Popen([bench.sis, "--home", bob.home, "chat", alice.user], **pipes) as right:
        wait_until_both_hear(left, right)
        times = [one_word(left, right, n) for n in range(N_WARM + N_WORDS)][N_WARM:]
        left.stdin.close()
        right.stdin.close()
    figures = sorted(times)
    bench.table.add("a word from one chat to the other: sealed, durable, verified", figures, [], "ms", "-", higher_is_better=False)
    bench.table.add("  the same, the slowest of 100 (p99)", [figures[len(figures) * 99 // 100]], [], "ms", "-", higher_is_better=False)
    return statistics.median(figures)


def wait_until_both_hear(left, right):
    """The first word may come as history, which a pipe does not show: so it is said until it is heard."""
    import select
    n = 0
    while True:
        left.stdin.write(b"begin %d\n" % n)
        left.stdin.flush()
        if select.select([right.stdout], [], [], 0.2)[0]:
            break
        n += 1
    while b"begin %d" % n not in right.stdout.readline():
        pass


def one_word(left, right, n):
    word = b"word %d" % n
    start = time.monotonic()
    left.stdin.write(word + b"\n")
    left.stdin.flush()
    while word not in right.stdout.readline():
        pass
    return 1000 * (time.monotonic() - start)
