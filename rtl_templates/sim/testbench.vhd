-- Self-checking testbench of {{ top }}_vhdl in VHDL-2008: {{ name }}, {{ latency }} clock{{ "" if latency == 1 else "s" }}.
--
-- Sends every line of vectors/inputs.hex, at one per clock and again with gaps, and compares every
-- bit with vectors/outputs.hex in the clock in which it is due. valid_out is checked at all clocks,
-- from power-up on. The last line is PASS, or FAIL with severity failure, which ends the simulator
-- with an error. The core below the wrapper is vhdl/{{ top }}_packed.vhd, or rtl/{{ top }}_packed.v
-- in a simulator of both languages. Another folder of vectors: generic VECTORS.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;
use work.{{ top }}_vhdl_types.all;

entity {{ top }}_tb is
  generic (VECTORS : string := "vectors");
end entity {{ top }}_tb;

architecture test of {{ top }}_tb is
  constant LATENCY : natural := {{ latency }};
  constant SHOWN : natural := 10;
  signal clk, valid_in : std_logic := '0';
  signal valid_out : std_logic;
{%- for bus in ins %}
  signal in_{{ bus.bus }} : std_logic_vector({{ bus.width - 1 }} downto 0) := (others => '0');
  signal rec_{{ bus.bus }} : {{ bus.type }};
{%- endfor %}
{%- for bus in outs %}
  signal out_{{ bus.bus }} : {{ bus.type }};
{%- endfor %}
begin
{%- for bus in ins %}
  rec_{{ bus.bus }} <= to_{{ bus.type }}(in_{{ bus.bus }});
{%- endfor %}

  dut : entity work.{{ top }}_vhdl
    port map (
      clk => clk,
      valid_in => valid_in,
{%- for bus in ins %}
      {{ bus.bus }} => rec_{{ bus.bus }},
{%- endfor %}
{%- for bus in outs %}
      {{ bus.bus }} => out_{{ bus.bus }},
{%- endfor %}
      valid_out => valid_out
    );

  process
    file inputs, outputs : text;
    variable due : std_logic_vector(LATENCY downto 0) := (others => '0');
    variable sent, compared, errors : natural := 0;
    variable random : natural := 1;
    variable status : file_open_status;

    procedure fail(what : string) is
    begin
      if errors < SHOWN then
        report "vector " & to_string(compared) & ": " & what severity warning;
      end if;
      errors := errors + 1;
    end procedure;

    procedure compare is
      variable row : line;
      variable good : boolean;
{%- for bus in outs %}
      variable want_{{ bus.bus }} : std_logic_vector({{ bus.digits * 4 - 1 }} downto 0);
{%- endfor %}
    begin
      if endfile(outputs) then
        fail("outputs.hex has no line for it");
      else
        readline(outputs, row);
{%- for bus in outs %}
        hread(row, want_{{ bus.bus }}, good);
        if not good then
          fail("outputs.hex cannot be read");
        elsif to_bits(out_{{ bus.bus }}) /= want_{{ bus.bus }}({{ bus.width - 1 }} downto 0) then
          fail("{{ bus.bus }} is " & to_string(to_bits(out_{{ bus.bus }}))
            & ", expected " & to_string(want_{{ bus.bus }}({{ bus.width - 1 }} downto 0)));
        end if;
{%- endfor %}
      end if;
      compared := compared + 1;
    end procedure;

    -- The inputs of the next vector; a design without inputs has lines of "-".
    procedure send is
      variable row : line;
      variable good : boolean;
{%- for bus in ins %}
      variable next_{{ bus.bus }} : std_logic_vector({{ bus.digits * 4 - 1 }} downto 0);
{%- endfor %}
    begin
      readline(inputs, row);
{%- for bus in ins %}
      hread(row, next_{{ bus.bus }}, good);
      if not good then
        fail("a line of inputs.hex cannot be read");
      end if;
      in_{{ bus.bus }} <= next_{{ bus.bus }}({{ bus.width - 1 }} downto 0);
{%- endfor %}
      sent := sent + 1;
    end procedure;

    -- One clock: drive, look at the outputs, rise, fall.
    procedure tick(valid : std_logic) is
    begin
      valid_in <= valid;
      if valid = '1' then
        send;
      else
        -- Rubbish, which must not show.
{%- for bus in ins %}
        in_{{ bus.bus }} <= not in_{{ bus.bus }};
{%- else %}
        null;
{%- endfor %}
      end if;
      due := std_logic_vector(shift_left(unsigned(due), 1));
      due(0) := valid;
      wait for 2 ns;
      if valid_out /= due(LATENCY) then
        fail("valid_out is wrong, before or at it");
      end if;
      if due(LATENCY) then
        compare;
      end if;
      wait for 2 ns;
      clk <= '1';
      wait for 4 ns;
      clk <= '0';
    end procedure;

    procedure run(gaps : boolean) is
    begin
      sent := 0;
      compared := 0;
      file_open(status, inputs, VECTORS & "/inputs.hex", read_mode);
      if status = open_ok then
        file_open(status, outputs, VECTORS & "/outputs.hex", read_mode);
      end if;
      if status /= open_ok then
        fail("no inputs.hex or no outputs.hex");
      else
        while not endfile(inputs) loop
          random := (random * 75 + 74) mod 65537;
          if gaps and random mod 3 = 0 then
            tick('0');
          else
            tick('1');
          end if;
        end loop;
        for i in 1 to 2 * LATENCY + 4 loop
          tick('0');
        end loop;
        if not endfile(outputs) then
          fail("outputs.hex has more lines");
        end if;
        file_close(inputs);
        file_close(outputs);
      end if;
      if compared = 0 or compared /= sent then
        fail("no vector ran, or not all");
      end if;
      report to_string(compared) & " vectors compared, " & to_string(errors) & " errors so far";
    end procedure;
  begin
    for i in 1 to LATENCY + 2 loop
      tick('0');
    end loop;
    run(false);
    run(true);
    assert errors = 0 report "FAIL: " & to_string(errors) & " errors" severity failure;
    report "PASS";
    std.env.finish;
    wait;
  end process;
end architecture test;
