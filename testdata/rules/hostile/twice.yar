rule Saksi_Twice { condition: false }
rule Saksi_Twice { condition: false }
