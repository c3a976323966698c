from hgq_rtl.synth.yosys import count


def test_cells_by_kind():
    cells = count(
        {
            "LUT1": 1,
            "LUT6": 2,
            "LUT6_2": 3,
            "INV": 9,
            "FDRE": 4,
            "FDSE": 1,
            "CARRY4": 5,
            "SRL16E": 6,
        }
    )
    assert (cells.luts, cells.flip_flops, cells.carries, cells.shift_registers) == (6, 5, 5, 6)


def test_a_carry_cell_of_an_ecp5_holds_two_luts():
    cells = count({"LUT4": 7, "CCU2C": 2, "PFUMX": 3, "L6MUX21": 1, "TRELLIS_FF": 5})
    assert (cells.luts, cells.flip_flops, cells.carries) == (11, 5, 2)
