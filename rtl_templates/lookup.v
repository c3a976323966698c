// y = a table of the address a, in two levels of LUTs: SHARED bits from a, then y from these and a.
//
// Of each LUT, the shared ones first, PINS has six hexadecimal digits, the lowest for input 0: 0 to 8
// are bits of a, 9 to e the shared bits, f is 0. INIT has its truth table. Synthesis for AMD devices
// takes one LUT6 for each that is more than a constant, a wire or an inverter. Everything else reads
// the behavioural line.
module lookup #(
  parameter SHARED = 1,
  parameter WIDTH = 1,
  parameter [24*(SHARED+WIDTH)-1:0] PINS = 0,
  parameter [64*(SHARED+WIDTH)-1:0] INIT = 0
) (
  input wire [8:0] a,
  output wire [WIDTH-1:0] y
);
  wire [SHARED-1:0] shared;
  wire [15:0] first = {7'b0, a};
  wire [SHARED+15:0] second = {7'b0, shared, a};
  genvar k;
  generate
    for (k = 0; k < SHARED + WIDTH; k = k + 1) begin : luts
      localparam [23:0] P = PINS[24*k +: 24];
      localparam [63:0] TRUTH = INIT[64*k +: 64];
      wire [5:0] in;
      wire out;
      if (k < SHARED) begin : to_share
        assign in = {first[P[23:20]], first[P[19:16]], first[P[15:12]], first[P[11:8]],
                     first[P[7:4]], first[P[3:0]]};
        assign shared[k] = out;
      end else begin : result
        assign in = {second[P[23:20]], second[P[19:16]], second[P[15:12]], second[P[11:8]],
                     second[P[7:4]], second[P[3:0]]};
        assign y[k-SHARED] = out;
      end
`ifdef SYNTHESIS
      if (P[23:4] == 20'hfffff) begin : wire_or_constant
        assign out = in[0] ? TRUTH[1] : TRUTH[0];
      end else begin : logic_cell
        LUT6 #(.INIT(TRUTH)) lut (
          .I0(in[0]), .I1(in[1]), .I2(in[2]), .I3(in[3]), .I4(in[4]), .I5(in[5]), .O(out)
        );
      end
`else
      assign out = TRUTH[in];
`endif
    end
  endgenerate
endmodule
