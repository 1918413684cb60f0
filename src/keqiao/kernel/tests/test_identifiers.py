"""Credit codes, patent numbers and IPC symbols. All codes here are computed; none belongs to an organisation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keqiao.kernel.identifiers import (
    ALPHABET,
    ApplicationNumberError,
    CreditCodeError,
    IdentifierError,
    IpcError,
    PublicationNumberError,
    is_credit_code,
    make_credit_code,
    make_patent_number,
    read_application_number,
    read_credit_code,
    read_ipc,
    read_publication_number,
)

SYNTHETIC = [
    "91310101WMB0YEB58N", "913101123F16Q94P0D", "91310115CCXUF25E2N", "91310101H8W4TDUH9N", "91310104NDBMWCY76D",
    "913101152547M70F95", "9131011258904DHB80", "91310112JAY4NUGY8J", "91310112LMP1EWUQ7B", "91310112CCCC3FLC3J",
    "91310000626E53AK8Y", "9131000030J4H3YB8F", "9131011202U6KC4L73", "91310104YBKBF33U9T", "91310101EFF9243P8F",
    "91310104P8FTN5G06C", "91310115YYGB4NHX3G", "91310000QG9LU2NU4D", "91310104GBX5BQ7H66", "91310112QGAL7KRR0P",
    "91310115R7TCPR76XH", "91310112FBP00R8F2L", "913101046NKYBERX55", "91310104YB2737F68J", "913101046FKWKT0F5R",
    "91310104RL2TM3XCXJ", "91310115FW5DRLA21D", "91310101ECPY2P554N", "9131011504JWERL45Y", "91310112TKFMXB4H6R",
    "91310112400RPL3G88", "91310115DU6TU6087N", "913101159G7QJA8H1Y", "91310101T41XPBWE25", "91310112TWGDTXWG1G",
    "91310115H4GG0UEQ6C", "91310115K0QR454F12", "91310112P3H1AMGG2B", "91310112FRQ3WH172E", "9131011581Q3GEH066",
]  # fmt: skip
CHECK, ORGANISATION = 17, 16  # positions of the two check characters


def changed(code, position):
    following = ALPHABET[(ALPHABET.index(code[position]) + 1) % len(ALPHABET)]
    return code[:position] + following + code[position + 1 :]


@pytest.mark.parametrize("code", SYNTHETIC)
def test_synthetic_codes_are_valid(code):
    assert read_credit_code(code, strict=True) == code


WRONG = [
    ("91350100M000100Y4Z", "charset"),  # printed as the example in GB 32100-2015, and wrong there
    *((changed(code, CHECK), "check") for code in SYNTHETIC[:12]),
    *((changed(code, ORGANISATION), "organisation_check") for code in SYNTHETIC[12:18]),
    *((changed(code, 8), "organisation_check") for code in SYNTHETIC[18:24]),
    *((changed(code, 15), "organisation_check") for code in SYNTHETIC[24:30]),
    (SYNTHETIC[30][:17], "length"),
    (SYNTHETIC[31] + "0", "length"),
    (SYNTHETIC[32][:10] + "I" + SYNTHETIC[32][11:], "charset"),
    (SYNTHETIC[33][:10] + "O" + SYNTHETIC[33][11:], "charset"),
    (SYNTHETIC[34][:4] + "A" + SYNTHETIC[34][5:], "charset"),
    (SYNTHETIC[35].lower(), "case"),
    (f"{SYNTHETIC[36][:8]}-{SYNTHETIC[36][8:]}", "length"),
    ("", "length"),
]


@pytest.mark.parametrize(("code", "part"), WRONG)
def test_wrong_codes_say_which_part_is_wrong(code, part):
    with pytest.raises(CreditCodeError) as error:
        read_credit_code(code, strict=True)
    assert error.value.part == part
    assert read_credit_code(error.value.example) == error.value.example


def test_how_people_type_it_is_forgiven():
    assert read_credit_code("91350100-m000100y-43") == "91350100M000100Y43"
    assert read_credit_code("９１３５０１００ M000100Y43 ") == "91350100M000100Y43"


@given(st.text(max_size=60))
def test_made_codes_are_valid_and_stable(seed):
    seed = seed.encode("utf-8", "replace").decode()
    code = make_credit_code(seed)
    assert is_credit_code(code)
    assert code == make_credit_code(seed)
    assert code[2:8] == "999900"


def test_made_codes_differ():
    assert len({make_credit_code(f"organisation {n}") for n in range(2000)}) == 2000


@given(st.sampled_from(SYNTHETIC), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_changed_character_is_always_noticed(code, position, character):
    other = code[:position] + character + code[position + 1 :]
    assert is_credit_code(other) == (other == code)


@pytest.mark.parametrize(
    ("text", "year", "kind", "number"),
    [
        ("201310699744.2", 2013, "invention", "201310699744.2"),
        ("200710308494.X", 2007, "invention", "200710308494.X"),
        ("ZL 2004 1 0016940.6", 2004, "invention", "200410016940.6"),
        ("CN2013106997442", 2013, "invention", "201310699744.2"),
        ("专利号：ZL201310699744.2", 2013, "invention", "201310699744.2"),
        ("２０１３１０６９９７４４.２", 2013, "invention", "201310699744.2"),
        ("95115608.x", 1995, "invention", "95115608.X"),
        ("97101765.4", 1997, "invention", "97101765.4"),
    ],
)
def test_application_numbers(text, year, kind, number):
    read = read_application_number(text)
    assert (read.year, read.kind, read.number) == (year, kind, number)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("201310699744.3", "check"),
        ("201340699744.2", "kind"),
        ("199910699744.2", "year"),
        ("20131069974.2", "format"),
        ("80115608.X", "year"),
        ("PCT/CN2013/000001", "format"),
        ("", "format"),
    ],
)
def test_wrong_application_numbers(text, part):
    with pytest.raises(ApplicationNumberError) as error:
        read_application_number(text)
    assert error.value.part == part
    assert str(read_application_number(error.value.example))


@pytest.mark.parametrize("kind", ["invention", "utility", "design"])
@pytest.mark.parametrize("year", [1987, 2002, 2003, 2024])
def test_made_patent_numbers_are_valid(kind, year):
    read = read_application_number(make_patent_number("seed", kind, year))
    assert (read.year, read.kind, read.is_pct) == (year, kind, False)
    assert make_patent_number("a", kind, year) != make_patent_number("b", kind, year)


def test_publication_numbers():
    application = read_publication_number("CN 103789457 A")
    assert (application.kind, application.is_granted, str(application)) == ("invention", False, "CN103789457A")
    assert read_publication_number("CN103789457B").is_granted
    assert read_publication_number("CN203789457U").kind == "utility"
    assert read_publication_number("CN303789457S").kind == "design"
    assert read_publication_number("CN1234567C").is_granted


@pytest.mark.parametrize(
    ("text", "part"),
    [("CN103789457U", "code"), ("CN403789457A", "kind"), ("US103789457A", "format"), ("CN10378945A", "format")],
)
def test_wrong_publication_numbers(text, part):
    with pytest.raises(PublicationNumberError) as error:
        read_publication_number(text)
    assert error.value.part == part


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("B01D 71/56", "B01D 71/56"),
        ("b01d71/56", "B01D 71/56"),
        ("B01D0071/56", "B01D 71/56"),
        ("H01M 10/0525", "H01M 10/0525"),
        ("G06F 111/04", "G06F 111/04"),
        ("B01D", "B01D"),
        ("C22B 26", "C22B 26"),
        ("H04", "H04"),
    ],
)
def test_ipc_symbols(text, symbol):
    assert str(read_ipc(text)) == symbol


def test_ipc_levels():
    assert read_ipc("B01D 71/56").levels == ("B", "B01", "B01D", "B01D 71", "B01D 71/56")
    assert str(read_ipc("Y02E 10/50", cpc=True)) == "Y02E 10/50"


@pytest.mark.parametrize(
    ("text", "part"), [("Y02E 10/50", "section"), ("I01D 71/56", "format"), ("B01D 71/5", "format"), ("", "format")]
)
def test_wrong_ipc_symbols(text, part):
    with pytest.raises(IpcError) as error:
        read_ipc(text)
    assert error.value.part == part


@given(st.text(max_size=100))
def test_any_text_gives_a_number_or_a_typed_error(text):
    for read in (read_credit_code, read_application_number, read_publication_number, read_ipc):
        try:
            assert read(text)
        except IdentifierError as error:
            assert error.part  # noqa: PT017 -- both ends are fine, anything else is not
