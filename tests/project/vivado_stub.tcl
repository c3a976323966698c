# A stand-in for Vivado under plain tclsh: it knows the commands that our scripts use with their
# options, rejects everything else, and objects where Vivado would (missing files, wrong order).
#
#   tclsh vivado_stub.tcl LOG SCRIPT ARGUMENTS...
#
# LOG gets one line per command. STUB_SLACK, STUB_STATUS and STUB_PATHS in the environment make runs fail.

set stub(log) [open [lindex $argv 0] w]
set stub(script) [lindex $argv 1]
set argv [lrange $argv 2 end]
set argv0 vivado
foreach key {project part top sources constraints cells nets design repositories ip} { set stub($key) {} }
set stub(runs) {synth_1 {} impl_1 {}}

proc setting {name fallback} {
    if {[info exists ::env($name)]} { return $::env($name) }
    return $fallback
}

# Define a command: flags without and options with a value, least and most further words, a body
# that sees them as the array `opt` and the list `words`.
proc command {name flags options least most body} {
    proc $name args [string map [list %NAME $name %FLAGS [list $flags] %OPTIONS [list $options] \
        %LEAST $least %MOST $most %BODY $body] {
        global stub
        puts $stub(log) [concat %NAME $args]
        array set opt {}
        set words {}
        for {set i 0} {$i < [llength $args]} {incr i} {
            set word [lindex $args $i]
            if {[lsearch -exact %FLAGS $word] >= 0} {
                set opt($word) 1
            } elseif {[lsearch -exact %OPTIONS $word] >= 0} {
                if {[incr i] >= [llength $args]} { error "%NAME: $word needs a value" }
                set opt($word) [lindex $args $i]
            } elseif {[regexp {^-[a-zA-Z]} $word]} {
                error "%NAME: unknown option '$word'"
            } else {
                lappend words $word
            }
        }
        if {[llength $words] < %LEAST || [llength $words] > %MOST} {
            error "%NAME: [llength $words] arguments: $words"
        }
        %BODY
    }]
}
proc one_of {what value allowed} {
    if {[lsearch -exact $allowed $value] < 0} { error "$what cannot be '$value', only $allowed" }
}
proc need_file {path} { if {![file isfile $path]} { error "no such file: $path" } }
proc need {key what} { if {$::stub($key) eq ""} { error "there is no $what" } }
proc write_to {path} {
    if {![file isdirectory [file dirname $path]]} { error "no such folder: [file dirname $path]" }
    set file [open $path w]
    puts $file "stand-in"
    close $file
}
proc content {path} {
    set file [open $path]
    set text [read $file]
    close $file
    return $text
}

# --- sources and synthesis ---------------------------------------------------------------------

command set_part {} {} 1 1 { set stub(part) [lindex $words 0] }
command read_verilog {-sv} {} 1 1 {
    foreach path [lindex $words 0] { need_file $path; lappend stub(sources) $path }
}
command read_xdc {} {-mode} 1 1 {
    one_of "read_xdc -mode" $opt(-mode) {out_of_context}
    foreach path [lindex $words 0] { need_file $path; lappend stub(constraints) $path }
}
# Modules must exist, and be read before whatever instantiates them is elaborated.
proc elaborate {top} {
    global stub
    set text {}
    foreach path $stub(sources) { append text [content $path] }
    if {![regexp "\\mmodule $top\\s*\\((\[^;\]*)\\);" $text -> ports]} { error "no module '$top'" }
    foreach {- child} [regexp -all -inline -line {^  (\w+) u?_?\w+ \($} $text] {
        if {![regexp "\\mmodule $child\\M" $text]} { error "no module '$child'" }
    }
    set stub(top) $top
    set stub(ports) [regexp -all -inline {\w+(?=\s*(?:,|=|$))} $ports]
    foreach path $stub(constraints) { uplevel #0 [list source $path] }
}
command synth_design {} {-mode -top -part -flatten_hierarchy -global_retiming} 0 0 {
    one_of "synth_design -mode" $opt(-mode) {out_of_context default}
    one_of "synth_design -flatten_hierarchy" $opt(-flatten_hierarchy) {full none rebuilt}
    one_of "synth_design -global_retiming" $opt(-global_retiming) {on off auto}
    if {$opt(-part) eq ""} { error "synth_design: no part" }
    elaborate $opt(-top)
    set stub(design) synth
}
foreach {step after} {opt_design synth place_design opt route_design place} {
    command $step {} {} 0 0 "
        one_of \"the step before $step\" \$stub(design) $after
        set stub(design) [string range $step 0 end-7]
    "
}
command phys_opt_design {} {} 0 0 { one_of "phys_opt_design after" $stub(design) {place route} }
foreach report {report_utilization report_timing_summary report_timing} {
    command $report {-hierarchical} {-file -max_paths} 0 0 {
        need design "open design"
        write_to $opt(-file)
    }
}
command write_checkpoint {-force} {} 1 1 { need design "open design"; write_to [lindex $words 0] }
command get_timing_paths {-setup -hold} {-max_paths} 0 0 {
    need design "open design"
    return [setting STUB_PATHS path]
}

# --- constraints -------------------------------------------------------------------------------

command get_ports {-quiet} {} 1 1 {
    set found {}
    foreach port [lindex $words 0] {
        if {[lsearch -exact $stub(ports) $port] >= 0} { lappend found $port }
    }
    return $found
}
command create_clock {} {-name -period} 1 1 {
    if {$opt(-period) <= 0} { error "create_clock: period $opt(-period)" }
    if {[llength [lindex $words 0]] != 1} { error "create_clock: ports '[lindex $words 0]'" }
}
command get_cells {-quiet -hierarchical} {-filter} 0 1 {
    if {![regexp {^NAME =~ (\w+) \|\| NAME =~ \*/(\w+)$} $opt(-filter) -> name again]} {
        error "get_cells: filter '$opt(-filter)'"
    }
    foreach path $stub(sources) {
        if {[regexp "\\m$name ?\\(" [content $path]]} { return $name }
    }
    error "get_cells: no instance '$name'"
}
command create_pblock {} {} 1 1 { lappend stub(nets) [lindex $words 0] }
command get_pblocks {-quiet} {} 1 1 { one_of pblock [lindex $words 0] $stub(nets); lindex $words 0 }
command add_cells_to_pblock {} {} 2 2 { one_of pblock [lindex $words 0] $stub(nets) }
command resize_pblock {} {-add} 1 1 { one_of pblock [lindex $words 0] $stub(nets) }

# --- properties --------------------------------------------------------------------------------

set stub(properties) {
    USED_IN top board_part ip_repo_paths USER_SLR_ASSIGNMENT STEPS.SYNTH_DESIGN.ARGS.FLATTEN_HIERARCHY
    {STEPS.SYNTH_DESIGN.ARGS.MORE OPTIONS} name display_name description version core_revision
    supported_families
}
proc assign {name value object} {
    global stub
    if {$object eq ""} { error "set_property $name: no object" }
    if {[string match CONFIG.* $name]} {
        if {![dict exists $stub(cells) $object]} { error "$name: no cell '$object'" }
        return
    }
    one_of property $name $stub(properties)
    if {$name eq "top"} { set stub(top) $value }
    if {$name eq "ip_repo_paths"} { set stub(repositories) $value }
}
command set_property {} {-name -value -objects -dict} 0 3 {
    if {[info exists opt(-dict)]} {
        if {[llength $opt(-dict)] % 2} { error "set_property -dict: odd list" }
        foreach {name value} $opt(-dict) { assign $name $value [lindex $words 0] }
    } elseif {[info exists opt(-name)]} {
        assign $opt(-name) $opt(-value) $opt(-objects)
    } else {
        if {[llength $words] != 3} { error "set_property: $words" }
        assign {*}$words
    }
}
command get_property {} {} 2 2 {
    lassign $words name object
    if {$object eq ""} { error "get_property $name: no object" }
    switch $name {
        SLACK - STATS.WNS { return [setting STUB_SLACK 0.123] }
        STATUS {
            if {[dict get $stub(runs) $object] eq ""} { return "Not started" }
            return [setting STUB_STATUS "route_design Complete!"]
        }
        DIRECTORY { return [file join $stub(project) runs $object] }
    }
    error "get_property: unknown property '$name'"
}

# --- projects ----------------------------------------------------------------------------------

command create_project {-force} {-part} 2 2 {
    if {$opt(-part) eq ""} { error "create_project: no part" }
    set stub(part) $opt(-part)
    lassign $words stub(name) stub(project)
    file mkdir $stub(project)
}
command current_project {} {} 0 0 { need project "project"; return $stub(project) }
command current_fileset {} {} 0 0 { need project "project"; return sources_1 }
command add_files {-norecurse} {-fileset} 1 1 {
    need project "project"
    foreach path [lindex $words 0] {
        need_file $path
        if {[info exists opt(-fileset)]} {
            one_of fileset $opt(-fileset) constrs_1
            lappend stub(constraints) $path
        } else { lappend stub(sources) $path }
    }
}
command get_files {} {} 1 1 {
    set name [lindex $words 0]
    foreach path [concat $stub(sources) $stub(constraints)] {
        if {$path eq $name || [file tail $path] eq $name} { return $path }
    }
    error "get_files: no file '$name'"
}
command get_runs {} {} 1 1 { one_of run [lindex $words 0] {synth_1 impl_1}; lindex $words 0 }
command update_compile_order {} {-fileset} 0 0 { one_of fileset $opt(-fileset) sources_1 }
command launch_runs {} {-jobs -to_step} 1 1 {
    set run [lindex $words 0]
    one_of run $run {synth_1 impl_1}
    need top "top"
    if {$run eq "synth_1"} { elaborate $stub(top) }
    if {[info exists opt(-to_step)]} { one_of step $opt(-to_step) {route_design write_bitstream} }
    if {[info exists opt(-to_step)] && $opt(-to_step) eq "write_bitstream"} {
        set folder [file join $stub(project) runs impl_1]
        set handoff [file join $stub(project) $stub(name).gen sources_1 bd system hw_handoff]
        file mkdir $folder $handoff
        write_to [file join $folder system_wrapper.bit]
        write_to [file join $handoff system.hwh]
    } elseif {$run eq "impl_1" && [dict get $stub(runs) synth_1] eq ""} {
        error "impl_1 before synth_1"
    }
    dict set stub(runs) $run launched
}
command wait_on_run {} {} 1 1 {
    if {[dict get $stub(runs) [lindex $words 0]] eq ""} { error "[lindex $words 0] never started" }
}
command open_run {} {} 1 1 { set stub(design) route }

# --- packaging ---------------------------------------------------------------------------------

namespace eval ipx {}
command ipx::package_project {-force -import_files} \
    {-root_dir -vendor -library -taxonomy -set_current} 0 0 {
    need project "project"
    need top "top"
    elaborate $stub(top)
    set stub(ip) ip
}
command ipx::current_core {} {} 0 0 { need ip "core"; return ip }
command ipx::associate_bus_interfaces {} {-busif -clock -reset} 1 1 {
    foreach {option name} [array get opt] {
        set port [expr {$option eq "-busif" ? "${name}_tdata" : $name}]
        one_of "port of $stub(top)" $port $stub(ports)
    }
}
foreach step {create_xgui_files update_checksums check_integrity save_core} {
    command ipx::$step {} {} 1 1 { one_of core [lindex $words 0] ip }
}

# --- block designs -----------------------------------------------------------------------------

set stub(pins) {
    xilinx.com:ip:axi_dma {S_AXI_LITE M_AXI_MM2S M_AXI_S2MM M_AXIS_MM2S S_AXIS_S2MM
        s_axi_lite_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn}
    xilinx.com:ip:processing_system7 {M_AXI_GP0 S_AXI_HP0 FCLK_CLK0 FCLK_RESET0_N M_AXI_GP0_ACLK
        S_AXI_HP0_ACLK}
    xilinx.com:ip:zynq_ultra_ps_e {M_AXI_HPM0_FPD S_AXI_HP0_FPD pl_clk0 pl_resetn0
        maxihpm0_fpd_aclk saxihp0_fpd_aclk}
    xilinx.com:ip:smartconnect {S00_AXI S01_AXI M00_AXI aclk aresetn}
    xilinx.com:ip:proc_sys_reset {slowest_sync_clk ext_reset_in peripheral_aresetn}
}
command update_ip_catalog {-rebuild} {} 0 0 {
    foreach folder $stub(repositories) {
        set text [content [file join $folder component.xml]]
        foreach key {vendor library name version} {
            regexp "<spirit:$key>(\[^<\]*)<" $text -> part($key)
        }
        set names {}
        foreach {- name} [regexp -all -inline \
            {<spirit:(?:busInterface|port)>\s*<spirit:name>(\w+)<} $text] { lappend names $name }
        set vlnv $part(vendor):$part(library):$part(name):$part(version)
        dict set stub(pins) $vlnv $names
        foreach {- file} [regexp -all -inline {<spirit:file>\s*<spirit:name>([^<]*)<} $text] {
            need_file [file join $folder $file]
        }
    }
}
command create_bd_design {} {} 1 1 { set stub(bd) [lindex $words 0] }
command create_bd_cell {} {-type -vlnv} 1 1 {
    one_of "create_bd_cell -type" $opt(-type) {ip}
    if {![dict exists $stub(pins) $opt(-vlnv)]} { error "no IP '$opt(-vlnv)' in the catalog" }
    dict set stub(cells) [lindex $words 0] $opt(-vlnv)
    lindex $words 0
}
command apply_bd_automation {} {-rule -config} 1 1 {
    if {![dict exists $stub(cells) [lindex $words 0]]} { error "no cell '[lindex $words 0]'" }
    if {[llength $opt(-config)] % 2} { error "apply_bd_automation: odd -config" }
}
foreach kind {get_bd_pins get_bd_intf_pins} {
    command $kind {} {} 1 1 {
        lassign [split [lindex $words 0] /] cell pin
        if {![dict exists $stub(cells) $cell]} { error "no cell '$cell'" }
        one_of "pin of $cell" $pin [dict get $stub(pins) [dict get $stub(cells) $cell]]
        lindex $words 0
    }
}
foreach {kind reuse} {connect_bd_net 1 connect_bd_intf_net 0} {
    command $kind {} {} 2 2 "
        foreach pin \$words {
            if {!$reuse && \[lsearch -exact \$stub(nets) \$pin\] >= 0} { error \"\$pin is taken\" }
            lappend stub(nets) \$pin
        }
    "
}
command assign_bd_address {} {} 0 0 {}
command validate_bd_design {} {} 0 0 {
    # Every clock, reset and stream of every cell is connected.
    dict for {cell vlnv} $stub(cells) {
        foreach pin [dict get $stub(pins) $vlnv] {
            if {[regexp {_t(data|valid|ready|last)$} $pin]} { continue }
            if {![regexp -nocase {clk|resetn|axis$|AXI_LITE$|M_AXI_|AXIS_} $pin]} { continue }
            if {[lsearch -exact $stub(nets) $cell/$pin] < 0} { error "$cell/$pin is open" }
        }
    }
}
command save_bd_design {} {} 0 0 {
    set stub(file) [file join $stub(project) $stub(bd).bd]
    write_to $stub(file)
    lappend stub(sources) $stub(file)
}
command make_wrapper {-top} {-files} 0 0 {
    need_file $opt(-files)
    set path [file join $stub(project) $stub(bd)_wrapper.v]
    write_to $path
    return $path
}
command write_hw_platform {-fixed -include_bit -force} {-file} 0 0 { write_to $opt(-file) }

if {[catch {source $stub(script)} message]} {
    puts stderr $message
    exit 1
}
close $stub(log)
