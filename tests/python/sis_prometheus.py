# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict reader of Prometheus's text exposition format 0.0.4, as its page describes it; what promtool would only warn of is refused, too."""

import re

from sis_testlib import Failure, check, check_equal

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


def unescape(value):
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)


def read_labels(text, line):
    labels = {}
    while text:
        match = LABEL.match(text)
        check(match, "labels of %r" % line)
        check(match[1] not in labels and not match[1].startswith("__"), "label %s of %r" % (match[1], line))
        labels[match[1]] = unescape(match[2])
        text = text[match.end():]
        check(text == "" or text.startswith(",") and len(text) > 1, "labels of %r" % line)
        text = text[1:]
    return labels


def read_sample(line):
    match = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([+-]?(?:[0-9.]+(?:e[+-]?[0-9]+)?|Inf)|NaN)", line)
    check(match, "line %r" % line)
    return match[1], read_labels(match[2] or "", line), float(match[3].replace("Inf", "inf"))


def family_of(name, types):
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and types.get(name[:-len(suffix)]) == "histogram":
            return name[:-len(suffix)]
    return name


def check_histogram(name, samples):
    series = {}
    for sample, labels, value in samples:
        rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        series.setdefault(rest, {}).setdefault(sample[len(name):], []).append((labels.get("le"), value))
    for parts in series.values():
        check_equal(sorted(parts), ["_bucket", "_count", "_sum"], "parts of " + name)
        bounds = [float(le.replace("Inf", "inf")) for le, _ in parts["_bucket"]]
        counts = [value for _, value in parts["_bucket"]]
        check(bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), "bounds of %s: %r" % (name, bounds))
        check(counts == sorted(counts), "counts of %s: %r" % (name, counts))
        check_equal(parts["_count"][0][1], counts[-1], name + "_count")


def read_metrics(text):
    """-> ({family: (type, help)}, {(name, ((label, value), ...)): number}). Every rule of the format is held against the text."""
    check(text.endswith("\n"), "the last line has no end")
    families, types, helps, samples, closed, current = {}, {}, {}, {}, set(), None
    grouped = {}
    for line in text[:-1].split("\n"):
        check(line == line.strip() and line, "line %r" % line)
        match = re.fullmatch(r"# (HELP|TYPE) (\S+) (.+)", line)
        if match:
            kind, name, rest = match.groups()
            check(NAME.fullmatch(name), "name %r" % name)
            into = helps if kind == "HELP" else types
            check(name not in into and name not in grouped, "%s of %s twice, or after its lines" % (kind, name))
            check(kind == "HELP" or rest in TYPES, "type %r" % rest)
            into[name] = rest
            family = name
        else:
            check(not line.startswith("#"), "comment %r" % line)
            name, labels, value = read_sample(line)
            family = family_of(name, types)
            check(family in types and family in helps, "%s has no TYPE or no HELP" % name)
            key = (name, tuple(sorted(labels.items())))
            check(key not in samples, "twice: %r" % (key,))
            samples[key] = value
            grouped.setdefault(family, []).append((name, labels, value))
        if family != current:
            check(family not in closed, "the lines of %s do not stand together" % family)
            closed.add(current)
            current = family
    check_equal(sorted(types), sorted(grouped), "metrics with a type, and with lines")
    for family, kind in types.items():
        if kind == "histogram":
            check_histogram(family, grouped[family])
        check((kind == "counter") == family.endswith("_total"), "%s is a %s" % (family, kind))
        check(kind != "counter" or all(value >= 0 for _, _, value in grouped[family]), "%s falls below 0" % family)
        families[family] = (kind, helps[family])
    _second_opinion(text, samples)
    return families, samples


def _second_opinion(text, samples):
    """python3-prometheus-client, where it is installed, reads the same."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        return
    theirs = {(s.name, tuple(sorted(s.labels.items()))): s.value for family in text_string_to_metric_families(text) for s in family.samples}
    check_equal(theirs, samples, "what prometheus_client reads")


def must_fail(text):
    try:
        read_metrics(text)
    except Failure:
        return
    raise Failure("taken: %r" % text)
