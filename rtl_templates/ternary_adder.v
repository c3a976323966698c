// y = a*2^A_LOW + b*2^B_LOW + c*2^C_LOW modulo 2^WIDTH; SUB = 1 subtracts c, SUB = 2 b and c.
//
// Synthesis for AMD devices takes at most one LUT6_2 and one carry bit per bit: O6 is the sum of
// the three bits and of the carry saved one bit below, O5 the majority of the three, saved for the
// bit above. Where no more than one of these four varies there is nothing to look up. Everything
// else reads the behavioural line. Tools for UltraScale+ retarget CARRY4 to CARRY8.
module ternary_adder #(
  parameter WIDTH = 8,
  parameter SUB = 0,
  parameter A_BITS = 8, A_LOW = 0, A_SIGNED = 0,
  parameter B_BITS = 8, B_LOW = 0, B_SIGNED = 0,
  parameter C_BITS = 8, C_LOW = 0, C_SIGNED = 0
) (
  input wire [A_BITS-1:0] a,
  input wire [B_BITS-1:0] b,
  input wire [C_BITS-1:0] c,
  output wire [WIDTH-1:0] y
);
  wire [WIDTH+A_BITS-1:0] ea = {{WIDTH{A_SIGNED ? a[A_BITS-1] : 1'b0}}, a} << A_LOW;
  wire [WIDTH+B_BITS-1:0] eb = {{WIDTH{B_SIGNED ? b[B_BITS-1] : 1'b0}}, b} << B_LOW;
  wire [WIDTH+C_BITS-1:0] ec = {{WIDTH{C_SIGNED ? c[C_BITS-1] : 1'b0}}, c} << C_LOW;
`ifdef SYNTHESIS
  localparam PADDED = (WIDTH + 3) / 4 * 4;
  // Inverted operands are part of the tables. By -x = ~x + 1 each subtraction leaves a 1 to add:
  // the first enters the carry chain, the second the saved carries.
  localparam [63:0] TABLES = SUB == 0 ? 64'h69966996e8e8e8e8
                           : SUB == 1 ? 64'h966996698e8e8e8e : 64'h699669962b2b2b2b;
  wire [PADDED:0] saved;
  wire [PADDED-1:0] propagate, sum, carry;
  assign saved[0] = SUB == 2;
  genvar i;
  generate
    for (i = 0; i < PADDED; i = i + 1) begin : bits
      // How many operands vary here and one bit below, and how many of the others are constant 1.
      localparam LIVE = (i >= A_LOW && (A_SIGNED || i < A_LOW + A_BITS) ? 1 : 0)
                      + (i >= B_LOW && (B_SIGNED || i < B_LOW + B_BITS) ? 1 : 0)
                      + (i >= C_LOW && (C_SIGNED || i < C_LOW + C_BITS) ? 1 : 0);
      localparam BELOW = (i > A_LOW && (A_SIGNED || i <= A_LOW + A_BITS) ? 1 : 0)
                       + (i > B_LOW && (B_SIGNED || i <= B_LOW + B_BITS) ? 1 : 0)
                       + (i > C_LOW && (C_SIGNED || i <= C_LOW + C_BITS) ? 1 : 0);
      localparam ONES = (SUB == 2 && !(i > B_LOW && (B_SIGNED || i <= B_LOW + B_BITS)) ? 1 : 0)
                      + (SUB >= 1 && !(i > C_LOW && (C_SIGNED || i <= C_LOW + C_BITS)) ? 1 : 0);
      localparam CARRIED = i > 0 && (BELOW > 1 || (BELOW == 1 && ONES == 1)) ? 1 : 0;
      if (i >= WIDTH) begin : unused
        assign propagate[i] = 1'b0;
        assign saved[i+1] = 1'b0;
      end else if (LIVE + CARRIED > 1) begin : looked_up
        LUT6_2 #(.INIT(TABLES)) lut (
          .I0(ea[i]), .I1(eb[i]), .I2(ec[i]), .I3(saved[i]), .I4(1'b0), .I5(1'b1),
          .O6(propagate[i]), .O5(saved[i+1])
        );
      end else begin : wired
        wire p = ea[i], q = eb[i] ^ (SUB == 2), r = ec[i] ^ (SUB >= 1);
        assign propagate[i] = p ^ q ^ r ^ saved[i];
        assign saved[i+1] = (p & q) | (p & r) | (q & r);
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
  wire [WIDTH-1:0] b_ = SUB == 2 ? -eb[WIDTH-1:0] : eb[WIDTH-1:0];
  wire [WIDTH-1:0] c_ = SUB >= 1 ? -ec[WIDTH-1:0] : ec[WIDTH-1:0];
  assign y = ea[WIDTH-1:0] + b_ + c_;
`endif
endmodule
