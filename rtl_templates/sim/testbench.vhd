-- Self-checking testbench of {{ top }}_vhdl in VHDL-2008: {{ name }}, {{ latency }} clock{{ "" if latency == 1 else "s" }}.
--
-- Sends every line of vectors/inputs.hex, at one per clock and again with gaps, and compares every
-- bit with vectors/outputs.hex in the clock in which it is due. valid_out is checked at all clocks,
-- from power-up on. The last line is PASS or FAIL; FAIL ends with severity failure, with which GHDL
-- exits with an error. The core below the wrapper is vhdl/{{ top }}_packed.vhd, or rtl/{{ top }}_packed.v
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
  signal {{ bus.bus }}_sent : std_logic_vector({{ bus.width - 1 }} downto 0) := (others => '0');
  signal {{ bus.bus }}_record : {{ bus.type }};
{%- endfor %}
{%- for bus in outs %}
  signal {{ bus.bus }}_found : {{ bus.type }};
{%- endfor %}
begin
{%- for bus in ins %}
  {{ bus.bus }}_record <= to_{{ bus.type }}({{ bus.bus }}_sent);
{%- endfor %}

  dut : entity work.{{ top }}_vhdl
    port map (
      clk => clk,
      valid_in => valid_in,
{%- for bus in ins %}
      {{ bus.bus }} => {{ bus.bus }}_record,
{%- endfor %}
{%- for bus in outs %}
      {{ bus.bus }} => {{ bus.bus }}_found,
{%- endfor %}
      valid_out => valid_out
    );

  process
    file inputs, outputs : text;
    -- Bit k: a vector was sent k clocks ago.
    variable due : std_logic_vector(LATENCY downto 0) := (others => '0');
    variable more : boolean;
    variable sent, compared, errors, random : natural := 0;
    variable status : file_open_status;

    procedure say(what : string) is
    begin
      write(output, what & LF);
    end procedure;

    procedure fail(what : string) is
    begin
      if errors < SHOWN then
        say("vector " & to_string(compared) & ": " & what);
      end if;
      errors := errors + 1;
    end procedure;

    -- The next line of inputs.hex; a design without inputs has lines of "-".
    procedure send is
      variable row : line;
      variable good : boolean;
{%- for bus in ins %}
      variable {{ bus.bus }}_next : std_logic_vector({{ bus.digits * 4 - 1 }} downto 0);
{%- endfor %}
    begin
      readline(inputs, row);
{%- for bus in ins %}
      hread(row, {{ bus.bus }}_next, good);
      if not good then
        fail("a line of inputs.hex cannot be read");
        more := false;
      end if;
      {{ bus.bus }}_sent <= {{ bus.bus }}_next({{ bus.width - 1 }} downto 0);
{%- endfor %}
      sent := sent + 1;
    end procedure;

    -- The vector that is due; where all outputs are constants without a bus, only that it is.
    procedure compare is
      variable row : line;
      variable good : boolean;
{%- for bus in outs %}
      variable {{ bus.bus }}_want : std_logic_vector({{ bus.digits * 4 - 1 }} downto 0);
{%- endfor %}
    begin
      if endfile(outputs) then
        fail("outputs.hex has no line for it");
      else
        readline(outputs, row);
{%- for bus in outs %}
        hread(row, {{ bus.bus }}_want, good);
        -- Unknown and undriven bits are different from both 0 and 1.
        if not good then
          fail("a line of outputs.hex cannot be read");
        elsif to_bits({{ bus.bus }}_found) /= {{ bus.bus }}_want({{ bus.width - 1 }} downto 0) then
          fail("{{ bus.bus[:30] }} is wrong");
          if errors <= SHOWN then
            say("  found " & to_hstring(to_bits({{ bus.bus }}_found))
              & ", expected " & to_hstring({{ bus.bus }}_want({{ bus.width - 1 }} downto 0)));
          end if;
        end if;
{%- endfor %}
      end if;
      compared := compared + 1;
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
        {{ bus.bus }}_sent <= not {{ bus.bus }}_sent;
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
      if due(LATENCY) = '1' then
        compare;
      end if;
      wait for 2 ns;
      clk <= '1';
      wait for 4 ns;
      clk <= '0';
    end procedure;

    procedure run(gaps : boolean; name : string) is
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
        more := not endfile(inputs);
        while more loop
          random := (random * 75 + 74) mod 65537;
          if gaps and random mod 3 = 0 then
            tick('0');
          else
            tick('1');
            more := more and not endfile(inputs);
          end if;
        end loop;
        for i in 1 to 2 * LATENCY + 4 loop
          tick('0');
        end loop;
        if not endfile(outputs) then
          fail("outputs.hex has more lines");
        end if;
        file_close(outputs);
      end if;
      file_close(inputs);
      if compared = 0 or compared /= sent then
        fail("no vector ran, or not all");
      end if;
      say(name & ": " & to_string(compared) & " vectors compared");
    end procedure;
  begin
    for i in 1 to LATENCY + 2 loop
      tick('0');
    end loop;
    run(false, "back to back");
    run(true, "with gaps");
    if errors = 0 then
      say("PASS");
      std.env.finish;
    else
      say("FAIL: " & to_string(errors) & " errors");
      report "the design is wrong" severity failure;
    end if;
    wait;
  end process;
end architecture test;
