// The ports and parameters of alkaid's ternary_adder, with the function mapped by hand: each bit is
// one LUT6_2 (O6 the sum of the three operands and the saved carry from below, O5 the majority that
// is saved for the bit above) and one bit of a CARRY4. Bits below the second-lowest operand are
// copied where that operand is not subtracted.
module ternary_adder #(
  parameter BW_INPUT0 = 32, SIGNED0 = 0, NEGATE0 = 0, PAD0 = 0,
  parameter BW_INPUT1 = 32, SIGNED1 = 0, NEGATE1 = 0, PAD1 = 0,
  parameter BW_INPUT2 = 32, SIGNED2 = 0, NEGATE2 = 0, PAD2 = 0,
  parameter BW_OUT = 32, DROP_LSBS = 0
) (
  input  [BW_INPUT0-1:0] in0,
  input  [BW_INPUT1-1:0] in1,
  input  [BW_INPUT2-1:0] in2,
  output [BW_OUT-1:0] out
);
  localparam W = DROP_LSBS + BW_OUT;
  localparam FAR = 1000000;
  localparam MIN01 = PAD0 < PAD1 ? PAD0 : PAD1;
  localparam LOWEST = MIN01 < PAD2 ? MIN01 : PAD2;
  // "? 1 : 0": a bare comparison is one bit wide, and so would the sum be.
  localparam AT_LOWEST = (PAD0 == LOWEST ? 1 : 0) + (PAD1 == LOWEST ? 1 : 0) + (PAD2 == LOWEST ? 1 : 0);
  localparam LOWEST_NEGATED = PAD0 == LOWEST ? NEGATE0 : PAD1 == LOWEST ? NEGATE1 : NEGATE2;
  localparam NEXT0 = PAD0 > LOWEST ? PAD0 : FAR;
  localparam NEXT1 = PAD1 > LOWEST ? PAD1 : FAR;
  localparam NEXT2 = PAD2 > LOWEST ? PAD2 : FAR;
  localparam NEXT01 = NEXT0 < NEXT1 ? NEXT0 : NEXT1;
  localparam NEXT = NEXT01 < NEXT2 ? NEXT01 : NEXT2;
  localparam COPY = AT_LOWEST == 1 && LOWEST_NEGATED == 0;
  localparam FIRST = COPY ? (NEXT < W ? NEXT : W) : LOWEST;
  localparam BITS = W - FIRST;
  localparam NEGATED = NEGATE0 + NEGATE1 + NEGATE2;

  wire [W+63:0] x0 = {{(W + 64){SIGNED0 ? in0[BW_INPUT0-1] : 1'b0}}, in0} << PAD0;
  wire [W+63:0] x1 = {{(W + 64){SIGNED1 ? in1[BW_INPUT1-1] : 1'b0}}, in1} << PAD1;
  wire [W+63:0] x2 = {{(W + 64){SIGNED2 ? in2[BW_INPUT2-1] : 1'b0}}, in2} << PAD2;
  wire [W-1:0] y;
  assign out = y[W-1:DROP_LSBS];

  function [63:0] init;
    input integer unused;
    integer i;
    reg a, b, c;
    begin
      for (i = 0; i < 32; i = i + 1) begin
        a = i[0] ^ (NEGATE0 != 0);
        b = i[1] ^ (NEGATE1 != 0);
        c = i[2] ^ (NEGATE2 != 0);
        init[i] = (a & b) | (a & c) | (b & c);
        init[i+32] = a ^ b ^ c ^ i[3];
      end
    end
  endfunction

  generate
    if (FIRST > 0) begin : copied
      if (COPY) assign y[FIRST-1:0] =
        PAD0 == LOWEST ? x0[FIRST-1:0] : PAD1 == LOWEST ? x1[FIRST-1:0] : x2[FIRST-1:0];
      else assign y[FIRST-1:0] = {FIRST{1'b0}};
    end
    if (BITS > 0) begin : added
      localparam PADDED = (BITS + 3) / 4 * 4;
      wire [PADDED:0] saved;
      wire [PADDED-1:0] propagate, sum, carry;
      // -a is ~a + 1: one such 1 enters the carry chain, a second one the saved carries.
      assign saved[0] = NEGATED >= 2;
      genvar i;
      for (i = 0; i < PADDED; i = i + 1) begin : bit_
        if (i < BITS) LUT6_2 #(.INIT(init(0))) lut (
          .I0(x0[FIRST+i]), .I1(x1[FIRST+i]), .I2(x2[FIRST+i]), .I3(saved[i]), .I4(1'b0),
          .I5(1'b1), .O6(propagate[i]), .O5(saved[i+1])
        );
        else begin
          assign propagate[i] = 1'b0;
          assign saved[i+1] = 1'b0;
        end
      end
      for (i = 0; i < PADDED; i = i + 4) begin : chain
        CARRY4 cells (
          .CI(i == 0 ? 1'b0 : carry[i == 0 ? 0 : i-1]), .CYINIT(i == 0 ? NEGATED >= 1 : 1'b0),
          .DI(saved[i+3:i]), .S(propagate[i+3:i]), .O(sum[i+3:i]), .CO(carry[i+3:i])
        );
      end
      assign y[W-1:FIRST] = sum[BITS-1:0];
    end
  endgenerate
endmodule
