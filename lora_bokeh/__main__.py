"""``python -m lora_bokeh`` is ``lora-bokeh``."""

from lora_bokeh.cli import main

if __name__ == "__main__":
    main(prog_name="lora-bokeh")
