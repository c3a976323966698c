# {{ name }}: where layers go. The instances are the same in every top.
{% for layer, region in delivery.place.items() -%}
{% set cell = instances[layer] -%}
{% set cells = "[get_cells -quiet -hierarchical -filter {NAME =~ " ~ cell ~ " || NAME =~ */" ~ cell ~ "}]" %}
# {{ layer | plain }}
{% if region.startswith("SLR") -%}
set_property USER_SLR_ASSIGNMENT {{ region }} {{ cells }}
{% else -%}
create_pblock pblock_{{ cell }}
add_cells_to_pblock [get_pblocks pblock_{{ cell }}] {{ cells }}
resize_pblock [get_pblocks pblock_{{ cell }}] -add {{ "{" ~ region ~ "}" }}
{% endif -%}
{% endfor -%}
