// Self-checking testbench of {{ top }}_packed in Verilog-2001: {{ name }}, {{ latency }} clock{{ "" if latency == 1 else "s" }}.
//
// Sends every line of vectors/inputs.hex, at one per clock and again with gaps, and compares every
// bit with vectors/outputs.hex in the clock in which it is due. valid_out is checked at all clocks,
// from power-up on. The last line is PASS or FAIL; FAIL ends with $stop, with which `vvp -N`,
// and Verilator too, exit with an error. Another folder of vectors: +vectors=FOLDER.
`timescale 1ns / 1ps

module {{ top }}_tb;
  localparam LATENCY = {{ latency }};
  localparam SHOWN = 10;

  reg clk, valid_in;
  wire valid_out;
{%- for bus in ins %}
  reg {{ bus.range }}in_{{ bus.bus }}, next_{{ bus.bus }};
{%- endfor %}
{%- for bus in outs %}
  wire {{ bus.range }}out_{{ bus.bus }};
  reg {{ bus.range }}want_{{ bus.bus }};
{%- endfor %}

  {{ top }}_packed dut (
    .clk(clk),
    .valid_in(valid_in),
{%- for bus in ins %}
    .{{ bus.bus }}(in_{{ bus.bus }}),
{%- endfor %}
{%- for bus in outs %}
    .{{ bus.bus }}(out_{{ bus.bus }}),
{%- endfor %}
    .valid_out(valid_out)
  );

  // Bit k: a vector was sent k clocks ago.
  reg [LATENCY:0] due;
  reg [8*1024-1:0] folder;
  reg [7:0] dash;
  reg more;
  integer inputs, outputs, fields, sent, compared, errors, seed;

  // The next line of inputs.hex; a design without inputs has lines of "-".
  task fetch;
    begin
      {% if ins -%}
      fields = $fscanf(inputs, "{{ ins | map(attribute="format") | join(" ") }}\n"
        {%- for bus in ins %}, next_{{ bus.bus }}{% endfor %});
      {%- else -%}
      fields = $fscanf(inputs, "%c\n", dash);
      {%- endif %}
      more = fields == {{ ins | length or 1 }};
      if (!more && !$feof(inputs)) fail("a line of inputs.hex cannot be read");
    end
  endtask

  task fail;
    input [8*40-1:0] what;
    begin
      if (errors < SHOWN) $display("vector %0d: %0s", compared, what);
      errors = errors + 1;
    end
  endtask

  // The vector that is due; where all outputs are constants without a bus, only that it is.
  task compare;
    begin
      {% if outs -%}
      fields = $fscanf(outputs, "{{ outs | map(attribute="format") | join(" ") }}\n"
        {%- for bus in outs %}, want_{{ bus.bus }}{% endfor %});
      {%- else -%}
      fields = $fscanf(outputs, "%c\n", dash);
      {%- endif %}
      if (fields != {{ outs | length or 1 }}) fail("outputs.hex has no line for it");
      {%- for bus in outs %}
      // !== also finds unknown and undriven bits.
      if (out_{{ bus.bus }} !== want_{{ bus.bus }}) begin
        fail("{{ bus.bus[:30] }} is wrong");
        if (errors <= SHOWN) $display("  found %h, expected %h", out_{{ bus.bus }}, want_{{ bus.bus }});
      end
      {%- endfor %}
      compared = compared + 1;
    end
  endtask

  // One clock: drive, look at the outputs, rise, fall.
  task tick;
    input valid;
    begin
      valid_in = valid;
      due = (due << 1) | valid;
      if (valid) begin
        {%- for bus in ins %}
        in_{{ bus.bus }} = next_{{ bus.bus }};
        {%- endfor %}
        sent = sent + 1;
        fetch;
      end else begin
        // Rubbish, which must not show.
        {%- for bus in ins %}
        in_{{ bus.bus }} = ~in_{{ bus.bus }};
        {%- endfor %}
      end
      #2;
      if (valid_out !== due[LATENCY]) fail("valid_out is wrong, before or at it");
      if (due[LATENCY]) compare;
      #2 clk = 1'b1;
      #4 clk = 1'b0;
    end
  endtask

  task run;
    input gaps;
    begin
      inputs = $fopen({folder, "/inputs.hex"}, "r");
      outputs = $fopen({folder, "/outputs.hex"}, "r");
      sent = 0;
      compared = 0;
      more = 0;
      if (inputs == 0 || outputs == 0) fail("no inputs.hex or no outputs.hex");
      else begin
        fetch;
        while (more) tick(!gaps || $random(seed) % 3 != 0);
        repeat (2 * LATENCY + 4) tick(1'b0);
        if ($fgetc(outputs) != -1) fail("outputs.hex has more lines");
        $fclose(inputs);
        $fclose(outputs);
      end
      if (compared == 0 || compared != sent) fail("no vector ran, or not all");
      $display("%0s: %0d vectors compared", gaps ? "with gaps" : "back to back", compared);
    end
  endtask

  initial begin
    if (!$value$plusargs("vectors=%s", folder)) folder = "vectors";
    clk = 1'b0;
    {%- for bus in ins %}
    in_{{ bus.bus }} = 0;
    {%- endfor %}
    due = 0;
    seed = 1;
    errors = 0;
    sent = 0;
    compared = 0;
    repeat (LATENCY + 2) tick(1'b0);
    run(1'b0);
    run(1'b1);
    if (errors == 0) begin
      $display("PASS");
      $finish;
    end else begin
      $display("FAIL: %0d errors", errors);
`ifdef SYSTEMVERILOG_FATAL
      $fatal(1);  // for runners that end well after $stop, such as vvp -n
`else
      $stop;
`endif
    end
  end
endmodule
