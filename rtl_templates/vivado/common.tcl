# {{ name }}: what the Vivado scripts share. Each takes its options as
#   vivado -mode batch -source SCRIPT -tclargs -part PART -top TOP ...
set root [file dirname [file dirname [file normalize [info script]]]]
set here [file join $root vivado]
set name {{ top | tcl }}
set clock_ns {{ clock_ns }}

# {{ top }} has a port per element, {{ top }}_packed a bus per tensor, {{ axis.module }} AXI4-Stream.
array set option {
    part {% raw %}{}{% endraw %}
    top {{ top | tcl }}
    retiming {{ "on" if delivery.global_retiming else "off" }}
    jobs 4
}
{% if part -%}
set option(part) {{ part | tcl }}
{% endif %}
# Read -name value pairs over the defaults; a name that is not in the table is an error.
proc read_options {words} {
    global option
    foreach {key value} $words {
        set key [string trimleft $key -]
        if {![info exists option($key)]} {
            error "unknown option -$key; known: [lsort [array names option]]"
        }
        set option($key) $value
    }
    if {[llength $words] % 2} { error "the last option has no value: $words" }
    if {$option(part) eq ""} { error "name the part: -tclargs -part PART" }
}

# Every Verilog file, modules before those that use them.
proc sources {} {
    global root
    set files {}
    foreach file {
{% for file in sources %}        {{ file | tcl }}
{% endfor %}        {{ axis.module | tcl }}.v
    } { lappend files [file join $root rtl $file] }
    return $files
}

# Clock, and where layers go if the design says so.
proc constraints {} {
    global root
    set files [list [file join $root constraints clock.xdc]]
    set floorplan [file join $root constraints floorplan.xdc]
    if {[file exists $floorplan]} { lappend files $floorplan }
    return $files
}

# Utilisation and timing of the open design; an error if the clock is not met.
proc write_reports {} {
    global here clock_ns
    file mkdir [file join $here reports]
    report_utilization -file [file join $here reports utilization.txt]
    report_utilization -hierarchical -file [file join $here reports utilization_hierarchical.txt]
    report_timing_summary -file [file join $here reports timing.txt]
    report_timing -max_paths 10 -file [file join $here reports worst_paths.txt]
    set slack {}
    set paths [get_timing_paths -setup]
    if {[llength $paths] > 0} { set slack [get_property SLACK [lindex $paths 0]] }
    if {![string is double -strict $slack]} {
        puts "no path between registers: nothing to time"
        return
    }
    puts "worst setup slack $slack ns of $clock_ns ns"
    if {$slack < 0} { error "timing is not met: slack $slack ns; see vivado/reports" }
}

# Wait for a run; an error if it did not come to its end.
proc finish {run} {
    wait_on_run $run
    set status [get_property STATUS [get_runs $run]]
    if {![string match {*Complete*} $status]} { error "$run: $status" }
}
