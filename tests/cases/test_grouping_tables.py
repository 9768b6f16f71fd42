"""What grouping is given: each row stays with the account and the value that it is about."""

from cases.grouping import Facts


def test_a_party_stays_with_its_account_whatever_the_order_of_the_rows():
    rows = [(1, "org-b", False), (2, "org-a", True), (3, "org-b", False), (4, "org-a", False)]
    straight = Facts.from_rows(rows, [], [], [])
    turned = Facts.from_rows([rows[2], rows[0], rows[3], rows[1]], [], [], [])
    for facts in (straight, turned):
        assert facts.account.tolist() == [1, 2, 3, 4]
        assert facts.aggregate.tolist() == [False, True, False, False]
        one, other = facts.party[:2].tolist()
        assert facts.party.tolist() == [one, other, one, other]
        assert one != other
