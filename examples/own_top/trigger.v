// A small trigger around the generated core: accepted events wait in a queue for whoever reads
// them, all events are counted, and so are those that found the queue full.
module trigger (
  input wire clk,
  input wire rst,
  // Three jets on each clock with jets_valid.
  input wire jets_valid,
  input wire [17:0] jets_pt,
  input wire [17:0] jets_eta,
  // Accepted events: {accept, score}.
  output wire m_axis_tvalid,
  input wire m_axis_tready,
  output wire [15:0] m_axis_tdata,
  output reg [15:0] seen,
  output reg [15:0] lost
);
  wire result_valid, accept;
  wire [7:0] score;

  jets_packed core (
    .clk(clk), .valid_in(jets_valid), .pt(jets_pt), .eta(jets_eta),
    .valid_out(result_valid), .score(score), .accept(accept)
  );

  // A queue of 16. One bit more than the address tells full from empty.
  reg [8:0] queue [0:15];
  reg [4:0] head, tail;
  wire full = tail - head == 5'd16;
  wire put = result_valid && accept;

  assign m_axis_tvalid = head != tail;
  assign m_axis_tdata = {7'b0, queue[head[3:0]]};

  always @(posedge clk) begin
    if (result_valid) seen <= seen + 1;
    if (put && full) lost <= lost + 1;
    if (put && !full) begin
      queue[tail[3:0]] <= {accept, score};
      tail <= tail + 1;
    end
    if (m_axis_tvalid && m_axis_tready) head <= head + 1;
    if (rst) begin
      head <= 0;
      tail <= 0;
      seen <= 0;
      lost <= 0;
    end
  end
endmodule
