# A stand-in for quartus_sh: the commands that our script uses, their options, nothing else.
#   tclsh quartus_stub.tcl LOG SCRIPT ARGUMENTS...
set log [open [lindex $argv 0] w]
set script [lindex $argv 1]
set quartus(args) [lrange $argv 2 end]
package provide ::quartus::project 1.0
package provide ::quartus::flow 1.0
set project {}

proc record args { puts $::log $args }
proc opened {} { if {$::project eq ""} { error "no project is open" } }
proc project_new {flag name} {
    record project_new $flag $name
    if {$flag ne "-overwrite"} { error "project_new: unknown option $flag" }
    set ::project $name
}
proc set_global_assignment {flag name value} {
    record set_global_assignment $flag $name $value
    opened
    if {$flag ne "-name"} { error "set_global_assignment: unknown option $flag" }
    switch $name {
        FAMILY - DEVICE - PROJECT_OUTPUT_DIRECTORY {}
        TOP_LEVEL_ENTITY { set ::top $value }
        VERILOG_FILE - SDC_FILE { if {![file isfile $value]} { error "no such file: $value" } }
        ALLOW_REGISTER_RETIMING { if {$value ni {ON OFF}} { error "$name cannot be '$value'" } }
        default { error "unknown assignment '$name'" }
    }
}
proc set_instance_assignment {flag name value to target} {
    record set_instance_assignment $flag $name $value $to $target
    opened
    if {"$flag $name $to" ne "-name VIRTUAL_PIN -to"} { error "set_instance_assignment: $name" }
    if {$value ni {ON OFF}} { error "$name cannot be '$value'" }
}
proc export_assignments {} { record export_assignments; opened }
proc execute_flow {flag} {
    record execute_flow $flag
    opened
    if {$flag ne "-compile"} { error "execute_flow: unknown option $flag" }
    if {![info exists ::top]} { error "no top level entity" }
}
proc project_close {} { record project_close; opened; set ::project {} }

if {[catch {source $script} message]} { puts stderr $message; exit 1 }
if {$project ne ""} { puts stderr "the project was left open"; exit 1 }
