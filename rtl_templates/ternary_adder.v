// y = a + b + c modulo 2^WIDTH; SUB = 1 subtracts c, SUB = 2 subtracts b and c.
//
// Synthesis for AMD devices takes one LUT6_2 and one carry bit per bit: O6 is the sum of the three
// bits and of the carry saved one bit below, O5 the majority of the three, saved for the bit above.
// Everything else reads the behavioural line. Tools for UltraScale+ retarget CARRY4 to CARRY8.
module ternary_adder #(
  parameter WIDTH = 8,
  parameter SUB = 0
) (
  input wire [WIDTH-1:0] a,
  input wire [WIDTH-1:0] b,
  input wire [WIDTH-1:0] c,
  output wire [WIDTH-1:0] y
);
`ifdef SYNTHESIS
  localparam PADDED = (WIDTH + 3) / 4 * 4;
  // Inverted inputs are part of the tables. By -x = ~x + 1 each subtraction leaves a 1 to add: the
  // first enters the carry chain, the second the saved carries.
  localparam [63:0] TABLES = SUB == 0 ? 64'h69966996e8e8e8e8
                           : SUB == 1 ? 64'h966996698e8e8e8e : 64'h699669962b2b2b2b;
  wire [PADDED:0] saved;
  wire [PADDED-1:0] propagate, sum, carry;
  assign saved[0] = SUB == 2;
  genvar i;
  generate
    for (i = 0; i < PADDED; i = i + 1) begin : bits
      if (i < WIDTH) begin : used
        LUT6_2 #(.INIT(TABLES)) lut (
          .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(saved[i]), .I4(1'b0), .I5(1'b1),
          .O6(propagate[i]), .O5(saved[i+1])
        );
      end else begin : unused
        assign propagate[i] = 1'b0;
        assign saved[i+1] = 1'b0;
      end
    end
    for (i = 0; i < PADDED; i = i + 4) begin : chain
      CARRY4 cells (
        .CI(i == 0 ? 1'b0 : carry[i == 0 ? 0 : i-1]), .CYINIT(i == 0 ? SUB >= 1 : 1'b0),
        .DI(saved[i+3:i]), .S(propagate[i+3:i]), .O(sum[i+3:i]), .CO(carry[i+3:i])
      );
    end
  endgenerate
  assign y = sum[WIDTH-1:0];
`else
  assign y = SUB == 0 ? a + b + c : SUB == 1 ? a + b - c : a - b - c;
`endif
endmodule
