"""What a full run finds that the stored cases did not have: within a census epoch, nothing."""

from django.db import connection

MEMBERS = """
SELECT c.number, m.account_id, m.probability FROM cases_member m
JOIN cases_case c ON c.id = m.case_id
WHERE m.left_at IS NULL AND c.merged_into_id IS NULL
"""
LINKS = """
SELECT c.number, l.account_id, l.attribute_id, l.bits, l.members FROM cases_link l
JOIN cases_case c ON c.id = l.case_id
WHERE c.merged_into_id IS NULL
"""
DIFFERENCE = f"""
SELECT number, count(*) FILTER (WHERE b.account_id IS NULL),
       count(*) FILTER (WHERE a.account_id IS NULL),
       count(*) FILTER (WHERE a.probability <> b.probability), 0
FROM grouping_members b FULL JOIN ({MEMBERS}) a USING (number, account_id)
WHERE a.probability IS DISTINCT FROM b.probability GROUP BY number
UNION ALL
SELECT number, 0, 0, 0, count(*)
FROM grouping_links b FULL JOIN ({LINKS}) a USING (number, account_id, attribute_id)
WHERE (a.bits, a.members) IS DISTINCT FROM (b.bits, b.members) GROUP BY number
"""
WORDS = ("joined", "left", "probabilities", "links")


class Snapshot:
    """Members and links as they stand, until this transaction ends."""

    def __init__(self):
        with connection.cursor() as cursor:
            for name, query in (("members", MEMBERS), ("links", LINKS)):
                cursor.execute(f"CREATE TEMPORARY TABLE grouping_{name} ON COMMIT DROP AS {query}")

    def difference(self) -> dict[str, dict[str, int]]:
        """By case: how many members joined and left, and how many probabilities and links are not
        what they were. Probabilities are compared as they are stored, to the last bit."""
        found: dict[str, dict[str, int]] = {}
        with connection.cursor() as cursor:
            cursor.execute(DIFFERENCE)
            for number, *counts in cursor.fetchall():
                case = found.setdefault(f"C-{number}", dict.fromkeys(WORDS, 0))
                for word, count in zip(WORDS, counts, strict=True):
                    case[word] += count
            cursor.execute("DROP TABLE grouping_members, grouping_links")
        return dict(sorted(found.items(), key=lambda item: int(item[0][2:])))
