include "tiada-fail.yar"
rule Saksi_Include { condition: false }
