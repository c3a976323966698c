// The tiny design twice, behind named ports and behind AXI4-Stream, and a stream of nobody.
module pair (
  input wire clk, input wire go, input wire [3:0] first, input wire [2:0] x_2, input wire [2:0] b,
  output wire done, output wire [6:0] y_0, output wire [6:0] y_1, output wire [2:0] z,
  input wire aresetn, input wire [7:0] s_axis_tdata, input wire s_axis_tvalid,
  output wire s_axis_tready, input wire s_axis_tlast, output wire [7:0] m_axis_tdata,
  output wire m_axis_tvalid, input wire m_axis_tready, output wire m_axis_tlast,
  input wire [31:0] free_tdata, input wire free_tvalid, output wire free_tready
);
  tiny named (.clk(clk), .valid_in(go), .x_0(first), .x_2(x_2), .b(b),
              .valid_out(done), .y_0(y_0), .y_1(y_1), .z(z));
  tiny_axis shell (.aclk(clk), .aresetn(aresetn), .s_axis_tdata(s_axis_tdata),
                   .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
                   .s_axis_tlast(s_axis_tlast), .m_axis_tdata(m_axis_tdata),
                   .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
                   .m_axis_tlast(m_axis_tlast), .cut_short());
endmodule
