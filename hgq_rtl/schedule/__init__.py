"""Operations to pipeline stages, stages to registers."""
