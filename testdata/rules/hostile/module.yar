import "tiada"

rule Saksi_Module {
    condition:
        tiada.x == 1
}
