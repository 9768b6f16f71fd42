"""Two words to say aloud for a case. They say nothing about it: no verdict in a name."""

TONES = (
    "Amber", "Ashen", "Autumn", "Birch", "Bronze", "Cedar", "Chalk", "Clear", "Cobalt", "Copper",
    "Coral", "Dawn", "Dun", "Early", "Ember", "Fallow", "Fern", "Flint", "Frost", "Golden",
    "Granite", "Grey", "Hazel", "Heather", "Indigo", "Ivory", "Jade", "Juniper", "Lilac", "Lunar",
    "Maple", "Marble", "Marsh", "Mellow", "Misty", "Mossy", "North", "Oaken", "Ochre", "Olive",
    "Opal", "Pale", "Pearl", "Pewter", "Quiet", "Rowan", "Russet", "Saffron", "Sandy", "Scarlet",
    "Silver", "Slate", "Snowy", "South", "Sunlit", "Tawny", "Teal", "Thistle", "Umber", "Velvet",
    "Violet", "Walnut", "Willow", "Winter",
)  # fmt: skip
THINGS = (
    "Abacus", "Anchor", "Arbour", "Badger", "Barley", "Beacon", "Bellows", "Bramble", "Bridge",
    "Brook", "Candle", "Canyon", "Castle", "Cloud", "Compass", "Cove", "Crane", "Delta", "Dune",
    "Falcon", "Ferry", "Finch", "Garden", "Glade", "Harbour", "Hedge", "Heron", "Hollow", "Island",
    "Kestrel", "Lantern", "Lark", "Ledger", "Loom", "Magpie", "Meadow", "Mill", "Mirror", "Needle",
    "Orchard", "Otter", "Pebble", "Pine", "Plover", "Pond", "Quarry", "Quill", "Raven", "Reed",
    "Ridge", "River", "Saddle", "Shuttle", "Spindle", "Sparrow", "Spring", "Stone", "Swift",
    "Thicket", "Tower", "Valley", "Weaver", "Wharf", "Wren",
)  # fmt: skip
STEP = 2_531  # odd, so that all 4,096 names come round before one returns


def case_name(number: int) -> str:
    """The name that belongs to a case number: always the same, neighbours unlike."""
    place = number * STEP % (len(TONES) * len(THINGS))
    tone, thing = divmod(place, len(THINGS))
    return f"{TONES[tone]} {THINGS[thing]}"
