# Package {{ axis.module }} with Vivado's own packager, as an IP core in vivado/ip.
#   vivado -mode batch -source package_ip.tcl [-tclargs -part PART]
# rtl/ with its component.xml is an IP repository already; this one adds what Vivado infers.
source [file join [file dirname [file normalize [info script]]] common.tcl]
read_options $argv

set core [file join $here ip]
create_project -force -part $option(part) package [file join $here package]
add_files -norecurse [sources]
set_property top {{ axis.module | tcl }} [current_fileset]
update_compile_order -fileset sources_1
ipx::package_project -force -root_dir $core -vendor {{ ip.vendor }} -library {{ ip.library }} \
    -taxonomy /UserIP -import_files -set_current true
set ip [ipx::current_core]
set_property name {{ axis.module | tcl }} $ip
set_property display_name {{ ip.title | tcl }} $ip
set_property description {{ ip.description | tcl }} $ip
set_property version {{ ip.version }} $ip
set_property core_revision 1 $ip
set_property supported_families {% raw %}{{% endraw %}{% for family in ip.families %}{{ family }} Production{{ "" if loop.last else " " }}{% endfor %}{% raw %}}{% endraw %} $ip
foreach bus {s_axis m_axis} { ipx::associate_bus_interfaces -busif $bus -clock aclk $ip }
ipx::associate_bus_interfaces -clock aclk -reset aresetn $ip
ipx::create_xgui_files $ip
ipx::update_checksums $ip
ipx::check_integrity $ip
ipx::save_core $ip
puts "packaged {{ ip.vlnv }} in $core"
