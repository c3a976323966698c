# A Zynq or Zynq UltraScale+ system around {{ axis.module }}: processor, AXI DMA, core; then a bitstream.
#   vivado -mode batch -source block_design.tcl -tclargs -part xc7z020clg400-1 [-board BOARD_PART]
# Writes zynq/{{ top }}.bit and zynq/{{ top }}.hwh for PYNQ, and zynq/{{ top }}.xsa.
source [file join [file dirname [file dirname [file normalize [info script]]]] vivado common.tcl]
set option(board) {}
set option(clock_mhz) {{ [100, (1000 / (clock_ns | float)) | int] | min }}
set option(run) 1
read_options $argv
set here [file join $root zynq]

# Where the two families call the same thing by different names.
if {[string match xc7z* $option(part)]} {
    array set ps {
        vlnv xilinx.com:ip:processing_system7 rule xilinx.com:bd_rule:processing_system7
        preset {make_external "FIXED_IO, DDR" apply_board_preset "1" Master "Disable" Slave "Disable"}
        clock FCLK_CLK0 reset FCLK_RESET0_N
        master M_AXI_GP0 master_clock M_AXI_GP0_ACLK slave S_AXI_HP0 slave_clock S_AXI_HP0_ACLK
    }
    set config [list CONFIG.PCW_USE_M_AXI_GP0 1 CONFIG.PCW_USE_S_AXI_HP0 1 \
        CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $option(clock_mhz)]
} elseif {[string match xczu* $option(part)] || [string match xck* $option(part)]} {
    array set ps {
        vlnv xilinx.com:ip:zynq_ultra_ps_e rule xilinx.com:bd_rule:zynq_ultra_ps_e
        preset {apply_board_preset "1"}
        clock pl_clk0 reset pl_resetn0
        master M_AXI_HPM0_FPD master_clock maxihpm0_fpd_aclk
        slave S_AXI_HP0_FPD slave_clock saxihp0_fpd_aclk
    }
    set config [list CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 \
        CONFIG.PSU__USE__M_AXI_GP2 0 CONFIG.PSU__USE__S_AXI_GP2 1 \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $option(clock_mhz)]
} else {
    error "$option(part) is no Zynq: pass -part with one, such as xc7z020clg400-1"
}

create_project -force -part $option(part) ${name}_zynq [file join $here project]
if {$option(board) ne ""} { set_property board_part $option(board) [current_project] }
set_property ip_repo_paths [list [file join $root rtl]] [current_project]
update_ip_catalog -rebuild
create_bd_design system

set cpu [create_bd_cell -type ip -vlnv $ps(vlnv) cpu]
apply_bd_automation -rule $ps(rule) -config $ps(preset) $cpu
set_property -dict $config $cpu
set dma [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma]
set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_include_stscntrl_strm 0 \
    CONFIG.c_sg_length_width 26 \
    CONFIG.c_m_axi_mm2s_data_width {{ [32, axis.in_beat] | max }} CONFIG.c_m_axis_mm2s_tdata_width {{ axis.in_beat }} \
    CONFIG.c_m_axi_s2mm_data_width {{ [32, axis.out_beat] | max }}] $dma
create_bd_cell -type ip -vlnv {{ ip.vlnv }} core
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset
set control [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect control]
set_property CONFIG.NUM_SI 1 $control
set memory [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect memory]
set_property CONFIG.NUM_SI 2 $memory

foreach {from to} [list cpu/$ps(master) control/S00_AXI control/M00_AXI dma/S_AXI_LITE \
    dma/M_AXI_MM2S memory/S00_AXI dma/M_AXI_S2MM memory/S01_AXI memory/M00_AXI cpu/$ps(slave) \
    dma/M_AXIS_MM2S core/s_axis core/m_axis dma/S_AXIS_S2MM] {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}
foreach pin [list cpu/$ps(master_clock) cpu/$ps(slave_clock) reset/slowest_sync_clk control/aclk \
    memory/aclk dma/s_axi_lite_aclk dma/m_axi_mm2s_aclk dma/m_axi_s2mm_aclk core/aclk] {
    connect_bd_net [get_bd_pins cpu/$ps(clock)] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins cpu/$ps(reset)] [get_bd_pins reset/ext_reset_in]
foreach pin {control/aresetn memory/aresetn dma/axi_resetn core/aresetn} {
    connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}
assign_bd_address
validate_bd_design
save_bd_design
set bd [get_files system.bd]
add_files -norecurse [list [make_wrapper -files $bd -top]]
set_property top system_wrapper [current_fileset]
update_compile_order -fileset sources_1

if {$option(run)} {
    launch_runs impl_1 -to_step write_bitstream -jobs $option(jobs)
    finish impl_1
    set slack [get_property STATS.WNS [get_runs impl_1]]
    if {$slack < 0} { error "timing is not met at $option(clock_mhz) MHz: slack $slack ns" }
    set bits [glob -directory [get_property DIRECTORY [get_runs impl_1]] *.bit]
    file copy -force [lindex $bits 0] [file join $here {{ top | tcl }}.bit]
    set generated [file join $here project ${name}_zynq.gen sources_1 bd system hw_handoff]
    set handoff [glob -directory $generated *.hwh]
    file copy -force [lindex $handoff 0] [file join $here {{ top | tcl }}.hwh]
    write_hw_platform -fixed -include_bit -force -file [file join $here {{ top | tcl }}.xsa]
}
