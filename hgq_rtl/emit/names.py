"""Names in the emitted hardware: legal in Verilog, SystemVerilog and VHDL, unique and stable."""

from __future__ import annotations

import re

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup coverpoint
cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endspecify endsequence endtable endtask enum event
eventually expect export extends extern final first_match for force foreach forever fork
forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins
implements implies import incdir include initial inout input inside instance int integer
interconnect interface intersect join join_any join_none large let liblist library local
localparam logic longint macromodule matches medium modport module nand negedge nettype new
nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter pmos
posedge primitive priority program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime
ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always
s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled
signed small soft solve specify specparam static string strong strong0 strong1 struct super
supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait
wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
"""Reserved in IEEE 1364-2005 and 1800-2017."""

_VHDL = """
abs access after alias all and architecture array assert assume assume_guarantee attribute begin
block body buffer bus case component configuration constant context cover default disconnect
downto else elsif end entity exit fairness file for force function generate generic group
guarded if impure in inertial inout is label library linkage literal loop map mod nand new next
nor not null of on open or others out package parameter port postponed procedure process
property protected pure range record register reject release rem report restrict
restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong
subtype then to transport type unaffected units until use variable vmode vprop vunit wait when
while with xnor xor
"""
"""Reserved in IEEE 1076-2008."""

_HIDDEN = """
ieee natural numeric_std resize rising_edge std std_logic std_logic_1164 std_logic_vector to_bits
to_integer to_signed to_unsigned work
"""
"""Not reserved in VHDL, but hidden from what we write there by a signal or entity of that name."""

KEYWORDS = frozenset(f"{_VERILOG} {_VHDL} {_HIDDEN}".split())


def legal(text: str) -> str:
    """``text`` with other characters than letters, digits and single underscores replaced.

    >>> legal("my layer/µ-2"), legal("3x"), legal("table"), legal("__a__b_"), legal("")
    ('my_layer_2', 'n_3x', 'n_table', 'a_b', 'n')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not name or name[0].isdigit() or name.lower() in KEYWORDS:
        name = f"n_{name}".rstrip("_")
    return name


def comment(text: str) -> str:
    """``text`` for a line comment: nothing that could end the line or continue it.

    >>> comment("a\\nb")
    'a?b'
    """
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in text)


class Names:
    """Gives out each name once; a second request gets ``name_2``, and so on.

    Upper and lower case count as equal, as in VHDL and in some file systems.
    """

    def __init__(self, *reserved: str) -> None:
        self._taken = {name.lower() for name in reserved}
        self._next: dict[str, int] = {}

    def __call__(self, text: str, *suffixes: str) -> str:
        """A legal new name close to ``text``; with each of ``suffixes`` appended it is free too."""
        base = name = legal(text)
        while any((name + end).lower() in self._taken for end in ("", *suffixes)):
            number = self._next[base] = self._next.get(base, 1) + 1
            name = f"{base}_{number}"
        self._taken.update((name + end).lower() for end in ("", *suffixes))
        return name
