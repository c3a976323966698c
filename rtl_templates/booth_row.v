// y = a + digit * x modulo 2^WIDTH, where d codes the digit: 0, 1, 1, 2, -2, -1, -1, 0 for d = 0 to 7.
//
// A row of a multiplier: d is three neighbouring bits of the other factor. Synthesis for AMD devices
// takes one LUT6 and one carry bit per bit. Everything else reads the behavioural line. Tools
// for UltraScale+ retarget CARRY4 to CARRY8.
module booth_row #(
  parameter WIDTH = 8,
  parameter A_BITS = 8, A_SIGNED = 0,
  parameter X_BITS = 8, X_SIGNED = 0
) (
  input wire [A_BITS-1:0] a,
  input wire [X_BITS-1:0] x,
  input wire [2:0] d,
  output wire [WIDTH-1:0] y
);
  wire [WIDTH+A_BITS-1:0] ea = {{WIDTH{A_SIGNED ? a[A_BITS-1] : 1'b0}}, a};
  wire [WIDTH+X_BITS-1:0] ex = {{WIDTH{X_SIGNED ? x[X_BITS-1] : 1'b0}}, x};
`ifdef SYNTHESIS
  localparam PADDED = (WIDTH + 3) / 4 * 4;
  wire [PADDED-1:0] propagate, start, sum, carry;
  genvar i;
  generate
    for (i = 0; i < PADDED; i = i + 1) begin : bits
      if (i >= WIDTH) begin : unused
        assign start[i] = 1'b0;
        assign propagate[i] = 1'b0;
      end else begin : used
        // Of d, x, the bit of x below and a: 2x for 3 and 4, x for 1, 2, 5 and 6, inverted from 4 on.
        // 7 is ~0 + 1.
        assign start[i] = ea[i];
        LUT6 #(.INIT(64'h0fc3_c3a5_5a3c_3cf0)) lut (
          .I0(i == 0 ? 1'b0 : ex[i == 0 ? 0 : i-1]), .I1(ex[i]), .I2(ea[i]),
          .I3(d[0]), .I4(d[1]), .I5(d[2]), .O(propagate[i])
        );
      end
    end
    for (i = 0; i < PADDED; i = i + 4) begin : chain
      CARRY4 cells (
        .CI(i == 0 ? 1'b0 : carry[i == 0 ? 0 : i-1]), .CYINIT(i == 0 ? d[2] : 1'b0),
        .DI(start[i+3:i]), .S(propagate[i+3:i]), .O(sum[i+3:i]), .CO(carry[i+3:i])
      );
    end
  endgenerate
  assign y = sum[WIDTH-1:0];
`else
  wire [WIDTH-1:0] once = ex[WIDTH-1:0];
  wire [WIDTH:0] twice = {once, 1'b0};
  wire [WIDTH-1:0] size =
    d == 3 || d == 4 ? twice[WIDTH-1:0] : d == 0 || d == 7 ? {WIDTH{1'b0}} : once;
  assign y = d[2] ? ea[WIDTH-1:0] - size : ea[WIDTH-1:0] + size;
`endif
endmodule
