// y = a*2^A_LOW + b*2^B_LOW + c*2^C_LOW + OFFSET + CARRIES modulo 2^WIDTH, where the bits of a in
// A_INVERT are inverted first, and then its highest bit is copied upwards if A_EXTENDED; b, c alike.
// Where hide is 1, a counts as 0 if HIDDEN is 1, b if it is 2, c if it is 3.
//
// Synthesis for AMD devices takes at most one LUT6_2 and one carry bit per bit: O6 is the sum of
// the three bits and of the carry saved one bit below, O5 the majority of the three, saved for the
// bit above; hide is their fifth input. In PAIRS, where no bit has more than two ones to add, the
// majority is what the carry cell of the bit itself generates, and none is saved. Where no more than one of these four varies there is nothing to look up. A bit of
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
  parameter [1:0] CARRIES = 0,
  parameter HIDDEN = 0
) (
  input wire [A_BITS-1:0] a,
  input wire [B_BITS-1:0] b,
  input wire [C_BITS-1:0] c,
  input wire hide,
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
  // The bits in which each operand varies.
  localparam [WIDTH-1:0] EVERY = {WIDTH{1'b1}};
  localparam [WIDTH-1:0] HAS_A = (A_EXTENDED ? EVERY : ~(EVERY << A_BITS)) << A_LOW;
  localparam [WIDTH-1:0] HAS_B = (B_EXTENDED ? EVERY : ~(EVERY << B_BITS)) << B_LOW;
  localparam [WIDTH-1:0] HAS_C = (C_EXTENDED ? EVERY : ~(EVERY << C_BITS)) << C_LOW;
  localparam [WIDTH-1:0] TWO = (HAS_A & HAS_B) | (HAS_A & HAS_C) | (HAS_B & HAS_C);
  localparam PAIRS = CARRIES < 2 && ((HAS_A & HAS_B & HAS_C) | (TWO & OFFSET)) == 0;
  localparam [WIDTH-1:0] CARRIED = PAIRS ? 0 : (TWO | ((HAS_A | HAS_B | HAS_C) & OFFSET)) << 1;
  localparam PADDED = (WIDTH + 3) / 4 * 4;
  wire [PADDED:0] saved;
  wire [PADDED-1:0] propagate, sum, carry;
  assign saved[0] = CARRIES == 2;
  genvar i;
  generate
    for (i = 0; i < PADDED; i = i + 1) begin : bits
      if (i >= WIDTH) begin : unused
        assign propagate[i] = 1'b0;
        assign saved[i+1] = 1'b0;
      end else begin : used
        localparam IN_A = HAS_A[i], IN_B = HAS_B[i], IN_C = HAS_C[i];
        localparam ONE_C = OFFSET[i] && !IN_C;
        localparam ONE_B = OFFSET[i] && IN_C && !IN_B;
        localparam ONE_A = OFFSET[i] && IN_C && IN_B;
        if (TWO[i] || ((IN_A || IN_B || IN_C) && CARRIED[i])) begin : looked_up
          // The majority of three with inputs inverted, and the sum of four.
          localparam [7:0] NONE = 8'he8;
          localparam [7:0] FIRST = NOT_A[i]
            ? {NONE[6], NONE[7], NONE[4], NONE[5], NONE[2], NONE[3], NONE[0], NONE[1]} : NONE;
          localparam [7:0] SECOND = NOT_B[i]
            ? {FIRST[5:4], FIRST[7:6], FIRST[1:0], FIRST[3:2]} : FIRST;
          localparam [7:0] MAJORITY = NOT_C[i] ? {SECOND[3:0], SECOND[7:4]} : SECOND;
          localparam [15:0] SUM = NOT_A[i] ^ NOT_B[i] ^ NOT_C[i] ? 16'h9669 : 16'h6996;
          // Both of them without the operand that is hidden, where it has a bit.
          localparam [23:0] SHOWN = {SUM, MAJORITY};
          localparam [23:0] REST =
            HIDDEN == 1 && IN_A ? SHOWN & 24'h555555 | (SHOWN & 24'h555555) << 1 :
            HIDDEN == 2 && IN_B ? SHOWN & 24'h333333 | (SHOWN & 24'h333333) << 2 :
            HIDDEN == 3 && IN_C ? SHOWN & 24'h0f0f0f | (SHOWN & 24'h0f0f0f) << 4 : SHOWN;
          LUT6_2 #(.INIT({REST[23:8], SUM, {2{REST[7:0]}}, {2{MAJORITY}}})) lut (
            .I0(ONE_A ? 1'b1 : ea[i]), .I1(ONE_B ? 1'b1 : eb[i]), .I2(ONE_C ? 1'b1 : ec[i]),
            .I3(PAIRS ? 1'b0 : saved[i]), .I4(hide), .I5(1'b1), .O6(propagate[i]), .O5(saved[i+1])
          );
        end else begin : wired
          wire p = (HIDDEN == 1 ? ea[i] & ~hide : ea[i]) ^ NOT_A[i] ^ ONE_A;
          wire q = (HIDDEN == 2 ? eb[i] & ~hide : eb[i]) ^ NOT_B[i] ^ ONE_B;
          wire r = (HIDDEN == 3 ? ec[i] & ~hide : ec[i]) ^ NOT_C[i] ^ ONE_C;
          assign propagate[i] = p ^ q ^ r ^ (PAIRS ? 1'b0 : saved[i]);
          assign saved[i+1] = (p & q) | (p & r) | (q & r);
        end
      end
    end
    for (i = 0; i < PADDED; i = i + 4) begin : chain
      CARRY4 cells (
        .CI(i == 0 ? 1'b0 : carry[i == 0 ? 0 : i-1]), .CYINIT(i == 0 ? CARRIES != 0 : 1'b0),
        .DI(PAIRS ? saved[i+4:i+1] : saved[i+3:i]), .S(propagate[i+3:i]), .O(sum[i+3:i]), .CO(carry[i+3:i])
      );
    end
  endgenerate
  assign y = sum[WIDTH-1:0];
`else
  wire [A_BITS-1:0] na = (HIDDEN == 1 && hide ? 0 : a) ^ A_INVERT;
  wire [B_BITS-1:0] nb = (HIDDEN == 2 && hide ? 0 : b) ^ B_INVERT;
  wire [C_BITS-1:0] nc = (HIDDEN == 3 && hide ? 0 : c) ^ C_INVERT;
  wire [WIDTH+A_BITS-1:0] ea = {{WIDTH{A_EXTENDED ? na[A_BITS-1] : 1'b0}}, na} << A_LOW;
  wire [WIDTH+B_BITS-1:0] eb = {{WIDTH{B_EXTENDED ? nb[B_BITS-1] : 1'b0}}, nb} << B_LOW;
  wire [WIDTH+C_BITS-1:0] ec = {{WIDTH{C_EXTENDED ? nc[C_BITS-1] : 1'b0}}, nc} << C_LOW;
  localparam [WIDTH+1:0] IN = {{WIDTH{1'b0}}, CARRIES};
  assign y = ea[WIDTH-1:0] + eb[WIDTH-1:0] + ec[WIDTH-1:0] + OFFSET + IN[WIDTH-1:0];
`endif
endmodule
