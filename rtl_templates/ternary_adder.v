// y = a*2^A_LOW + b*2^B_LOW + c*2^C_LOW + OFFSET + CARRIES modulo 2^WIDTH, where the bits of a in
// A_INVERT are inverted first, and then its highest bit is copied upwards if A_EXTENDED; b, c alike.
//
// Synthesis for AMD devices takes at most one LUT6_2 and one carry bit per bit: O6 is the sum of
// the three bits and of the carry saved one bit below, O5 the majority of the three, saved for the
// bit above. Where no more than one of these four varies there is nothing to look up. A bit of
// OFFSET takes the place of an operand that has no bit there, so there must be one. Everything
// else reads the behavioural line. Tools for UltraScale+ retarget CARRY4 to CARRY8.
module ternary_adder #(
  parameter WIDTH = 8,
  parameter A_BITS = 8, A_LOW = 0, A_EXTENDED = 0,
  parameter B_BITS = 8, B_LOW = 0, B_EXTENDED = 0,
  parameter C_BITS = 8, C_LOW = 0, C_EXTENDED = 0,
  parameter [A_BITS-1:0] A_INVERT = 0,
  parameter [B_BITS-1:0] B_INVERT = 0,
  parameter [C_BITS-1:0] C_INVERT = 0,
  parameter [WIDTH-1:0] OFFSET = 0,
  parameter [1:0] CARRIES = 0
) (
  input wire [A_BITS-1:0] a,
  input wire [B_BITS-1:0] b,
  input wire [C_BITS-1:0] c,
  output wire [WIDTH-1:0] y
);
`ifdef SYNTHESIS
  wire [WIDTH+A_BITS-1:0] ea = {{WIDTH{A_EXTENDED ? a[A_BITS-1] : 1'b0}}, a} << A_LOW;
  wire [WIDTH+B_BITS-1:0] eb = {{WIDTH{B_EXTENDED ? b[B_BITS-1] : 1'b0}}, b} << B_LOW;
  wire [WIDTH+C_BITS-1:0] ec = {{WIDTH{C_EXTENDED ? c[C_BITS-1] : 1'b0}}, c} << C_LOW;
  localparam [WIDTH+A_BITS-1:0] NOT_A =
    {{WIDTH{A_EXTENDED ? A_INVERT[A_BITS-1] : 1'b0}}, A_INVERT} << A_LOW;
  localparam [WIDTH+B_BITS-1:0] NOT_B =
    {{WIDTH{B_EXTENDED ? B_INVERT[B_BITS-1] : 1'b0}}, B_INVERT} << B_LOW;
  localparam [WIDTH+C_BITS-1:0] NOT_C =
    {{WIDTH{C_EXTENDED ? C_INVERT[C_BITS-1] : 1'b0}}, C_INVERT} << C_LOW;
  localparam PADDED = (WIDTH + 3) / 4 * 4;
  wire [PADDED:0] saved;
  wire [PADDED-1:0] propagate, sum, carry;
  assign saved[0] = CARRIES == 2;
  genvar i;
  generate
    for (i = 0; i < PADDED; i = i + 1) begin : bits
      // Which operands vary here and one bit below, and the constant bit of each.
      localparam IN_A = i >= A_LOW && (A_EXTENDED || i < A_LOW + A_BITS) ? 1 : 0;
      localparam IN_B = i >= B_LOW && (B_EXTENDED || i < B_LOW + B_BITS) ? 1 : 0;
      localparam IN_C = i >= C_LOW && (C_EXTENDED || i < C_LOW + C_BITS) ? 1 : 0;
      localparam BELOW = (i > A_LOW && (A_EXTENDED || i <= A_LOW + A_BITS) ? 1 : 0)
                       + (i > B_LOW && (B_EXTENDED || i <= B_LOW + B_BITS) ? 1 : 0)
                       + (i > C_LOW && (C_EXTENDED || i <= C_LOW + C_BITS) ? 1 : 0);
      localparam CARRIED = i > 0 && (BELOW > 1 || (BELOW == 1 && OFFSET[i == 0 ? 0 : i-1])) ? 1 : 0;
      if (i >= WIDTH) begin : unused
        assign propagate[i] = 1'b0;
        assign saved[i+1] = 1'b0;
      end else begin : used
        localparam ONE_C = OFFSET[i] && !IN_C;
        localparam ONE_B = OFFSET[i] && IN_C && !IN_B;
        localparam ONE_A = OFFSET[i] && IN_C && IN_B;
        if (IN_A + IN_B + IN_C + CARRIED > 1) begin : looked_up
          // The majority of three with inputs inverted, and the sum of four.
          localparam [7:0] NONE = 8'he8;
          localparam [7:0] FIRST = NOT_A[i]
            ? {NONE[6], NONE[7], NONE[4], NONE[5], NONE[2], NONE[3], NONE[0], NONE[1]} : NONE;
          localparam [7:0] SECOND = NOT_B[i]
            ? {FIRST[5:4], FIRST[7:6], FIRST[1:0], FIRST[3:2]} : FIRST;
          localparam [7:0] MAJORITY = NOT_C[i] ? {SECOND[3:0], SECOND[7:4]} : SECOND;
          localparam [15:0] SUM = NOT_A[i] ^ NOT_B[i] ^ NOT_C[i] ? 16'h9669 : 16'h6996;
          LUT6_2 #(.INIT({SUM, SUM, {4{MAJORITY}}})) lut (
            .I0(ONE_A ? 1'b1 : ea[i]), .I1(ONE_B ? 1'b1 : eb[i]), .I2(ONE_C ? 1'b1 : ec[i]),
            .I3(saved[i]), .I4(1'b0), .I5(1'b1), .O6(propagate[i]), .O5(saved[i+1])
          );
        end else begin : wired
          wire p = ea[i] ^ NOT_A[i] ^ ONE_A, q = eb[i] ^ NOT_B[i] ^ ONE_B;
          wire r = ec[i] ^ NOT_C[i] ^ ONE_C;
          assign propagate[i] = p ^ q ^ r ^ saved[i];
          assign saved[i+1] = (p & q) | (p & r) | (q & r);
        end
      end
    end
    for (i = 0; i < PADDED; i = i + 4) begin : chain
      CARRY4 cells (
        .CI(i == 0 ? 1'b0 : carry[i == 0 ? 0 : i-1]), .CYINIT(i == 0 ? CARRIES != 0 : 1'b0),
        .DI(saved[i+3:i]), .S(propagate[i+3:i]), .O(sum[i+3:i]), .CO(carry[i+3:i])
      );
    end
  endgenerate
  assign y = sum[WIDTH-1:0];
`else
  wire [A_BITS-1:0] na = a ^ A_INVERT;
  wire [B_BITS-1:0] nb = b ^ B_INVERT;
  wire [C_BITS-1:0] nc = c ^ C_INVERT;
  wire [WIDTH+A_BITS-1:0] ea = {{WIDTH{A_EXTENDED ? na[A_BITS-1] : 1'b0}}, na} << A_LOW;
  wire [WIDTH+B_BITS-1:0] eb = {{WIDTH{B_EXTENDED ? nb[B_BITS-1] : 1'b0}}, nb} << B_LOW;
  wire [WIDTH+C_BITS-1:0] ec = {{WIDTH{C_EXTENDED ? nc[C_BITS-1] : 1'b0}}, nc} << C_LOW;
  localparam [WIDTH+1:0] IN = {{WIDTH{1'b0}}, CARRIES};
  assign y = ea[WIDTH-1:0] + eb[WIDTH-1:0] + ec[WIDTH-1:0] + OFFSET + IN[WIDTH-1:0];
`endif
endmodule
