# What the testbenches of {{ name }} read, in order of compilation; paths from this folder.
TOP := {{ top }}
VERILOG :={% for file in sources %} ../rtl/{{ file }}{% endfor %}
VHDL :={% for file in vhdl %} ../vhdl/{{ file }}{% endfor %} ../rtl/{{ top }}_vhdl.vhd
