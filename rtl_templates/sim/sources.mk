# What the testbenches of {{ name }} read, in order of compilation; paths from this folder.
TOP := {{ top }}
VERILOG :={% for file in sources %} ../rtl/{{ file }}{% endfor %}
