"""Recommendations: a short list of well-known songs by mood and genre, chosen by the words of the wish."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.model.dialogue import Ask
from sandbox.model.plans.conform import conform, resolved

Schema = Mapping[str, Any]

# title | artist | album | words that it fits
_SONGS = """
Weightless|Marconi Union|Weightless|calm ambient sleep relax focus evening quiet
Clair de lune|Claude Debussy|Suite bergamasque|calm classical piano evening night romantic
Gymnopédie No. 1|Erik Satie|Gymnopédies|calm classical piano sad quiet rain
Teardrop|Massive Attack|Mezzanine|calm dark trip-hop electronic night
Porcelain|Moby|Play|calm electronic evening chill
Holocene|Bon Iver|Bon Iver, Bon Iver|calm indie folk sad winter autumn
Skinny Love|Bon Iver|For Emma, Forever Ago|sad indie folk
Hurt|Johnny Cash|American IV: The Man Comes Around|sad country slow
Mad World|Gary Jules|Trading Snakeoil for Wolftickets|sad slow melancholy
Everybody Hurts|R.E.M.|Automatic for the People|sad rock comfort
Here Comes the Sun|The Beatles|Abbey Road|happy sunny morning rock spring
Good Vibrations|The Beach Boys|Smiley Smile|happy summer pop sunny
Mr. Blue Sky|Electric Light Orchestra|Out of the Blue|happy rock sunny morning
September|Earth, Wind & Fire|The Best of Earth, Wind & Fire, Vol. 1|happy party funk dance disco
Dancing Queen|ABBA|Arrival|happy party dance pop disco
Don't Stop Me Now|Queen|Jazz|happy party rock energy workout
Uptown Funk|Mark Ronson|Uptown Special|party funk dance happy
Get Lucky|Daft Punk|Random Access Memories|party dance disco electronic
One More Time|Daft Punk|Discovery|party dance electronic house
Around the World|Daft Punk|Homework|dance electronic house party
Blue Monday|New Order|Power, Corruption & Lies|dance electronic new-wave eighties
Take On Me|a-ha|Hunting High and Low|pop eighties happy synth
Billie Jean|Michael Jackson|Thriller|pop dance eighties party
Smells Like Teen Spirit|Nirvana|Nevermind|rock grunge angry nineties energy
Enter Sandman|Metallica|Metallica|metal angry energy workout raid
Master of Puppets|Metallica|Master of Puppets|metal angry energy
Back in Black|AC/DC|Back in Black|rock energy workout
Thunderstruck|AC/DC|The Razors Edge|rock energy workout raid
Lose Yourself|Eminem|8 Mile|hip-hop rap workout energy
Juicy|The Notorious B.I.G.|Ready to Die|hip-hop rap nineties
C.R.E.A.M.|Wu-Tang Clan|Enter the Wu-Tang (36 Chambers)|hip-hop rap nineties
So What|Miles Davis|Kind of Blue|jazz calm night focus
Take Five|The Dave Brubeck Quartet|Time Out|jazz focus morning coffee
My Favorite Things|John Coltrane|My Favorite Things|jazz
Feeling Good|Nina Simone|I Put a Spell on You|jazz soul morning strong
What a Wonderful World|Louis Armstrong|What a Wonderful World|jazz calm happy romantic
At Last|Etta James|At Last!|soul romantic love slow
Let's Stay Together|Al Green|Let's Stay Together|soul romantic love
Respect|Aretha Franklin|I Never Loved a Man the Way I Love You|soul energy strong
Redemption Song|Bob Marley & The Wailers|Uprising|reggae calm
Three Little Birds|Bob Marley & The Wailers|Exodus|reggae happy calm sunny
Jolene|Dolly Parton|Jolene|country folk
Ring of Fire|Johnny Cash|Ring of Fire|country
The Sound of Silence|Simon & Garfunkel|Sounds of Silence|folk calm sad night
Blowin' in the Wind|Bob Dylan|The Freewheelin' Bob Dylan|folk calm
Hallelujah|Jeff Buckley|Grace|sad calm love slow
Wish You Were Here|Pink Floyd|Wish You Were Here|rock calm sad progressive
Time|Pink Floyd|The Dark Side of the Moon|rock progressive
Bohemian Rhapsody|Queen|A Night at the Opera|rock progressive epic
Stairway to Heaven|Led Zeppelin|Led Zeppelin IV|rock epic
Ode to Joy|Ludwig van Beethoven|Symphony No. 9|classical epic happy
Ride of the Valkyries|Richard Wagner|Die Walküre|classical epic raid energy
Canon in D|Johann Pachelbel|Canon and Gigue|classical calm romantic focus
Karma Police|Radiohead|OK Computer|rock sad nineties indie
Paranoid Android|Radiohead|OK Computer|rock indie progressive
Mr. Brightside|The Killers|Hot Fuss|indie rock party
Midnight City|M83|Hurry Up, We're Dreaming|electronic indie night drive synth
Nightcall|Kavinsky|OutRun|electronic synth night drive
Intro|The xx|xx|indie calm night focus
Ágætis byrjun|Sigur Rós|Ágætis byrjun|ambient calm winter focus
"""
SONGS = tuple(tuple(line.split("|")) for line in _SONGS.strip().splitlines())


def list_schema(schema: Schema) -> tuple[str, Schema] | None:
    """The list of songs that a schema describes: its key and the schema of a song; None where it has none."""
    for key, part in (schema.get("properties") or {}).items():
        items = resolved(resolved(part, schema).get("items") or {}, schema)
        if {"title", "artist"} <= set(items.get("properties") or {}):
            return key, items
    return None


def recommend(ask: Ask) -> dict[str, Any]:
    """Songs for the wish: those that share most of its words, an artist's own first, then what is like them."""
    schema = ask.schema or {}
    found = list_schema(schema)
    assert found is not None
    wanted = re.search(r"\b(?:how many|number|count)\D{0,12}(\d{1,2})\b|\b(\d{1,2})\s+(?:songs|tracks)", ask.last, re.I)
    count = int(wanted[1] or wanted[2]) if wanted else 5
    wish = ask.last.split("\nHow many")[0].casefold()
    words = set(re.findall(r"[\w-]{3,}", wish))
    scored = []
    for place, (title, artist, album, tags) in enumerate(SONGS):
        shared = [
            tag
            for tag in tags.split()
            if tag in words or any(tag in word or word in tag for word in words if len(word) > 4)
        ]
        by_artist = artist.casefold() in wish or title.casefold() in wish
        scored.append((-(10 * by_artist + len(shared)), place, title, artist, album, shared, tags.split()))
    scored.sort()
    songs = [
        {"title": title, "artist": artist, "album": album, "reason": _reason(shared, tags, points <= -10)}
        for points, _, title, artist, album, shared, tags in scored[: min(count, 25)]
    ]
    result: dict[str, Any] = conform({found[0]: songs}, schema, schema)
    return result


def _reason(shared: list[str], tags: list[str], named: bool) -> str:
    if named:
        return "You named it, or who made it."
    if shared:
        return f"It is {' and '.join(shared[:2])}, as you wished; from a demo's short list."
    return f"Nothing on a demo's short list fits better; it is {tags[0]}."
