-- A general practice's records, for MariaDB 10.6 or later. The rows are for one empty database.
SET NAMES utf8mb4;
SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION';
SET foreign_key_checks = 0;
SET unique_checks = 0;

CREATE TABLE parametre (
    cle VARCHAR(64) NOT NULL PRIMARY KEY,
    valeur VARCHAR(255) NOT NULL,
    modifie_le DATETIME
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE utilisateur (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    identifiant VARCHAR(64) NOT NULL UNIQUE,
    nom VARCHAR(100) NOT NULL,
    prenom VARCHAR(100) NOT NULL,
    fonction ENUM('medecin', 'secretaire') NOT NULL,
    rpps CHAR(11) UNIQUE,
    courriel VARCHAR(200) NOT NULL,
    actif BOOLEAN NOT NULL DEFAULT TRUE,
    cree_le DATETIME NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE patient (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    numero_dossier VARCHAR(32) NOT NULL UNIQUE,
    nom VARCHAR(100) NOT NULL,
    prenom VARCHAR(100) NOT NULL,
    nom_complet VARCHAR(201) GENERATED ALWAYS AS (concat(nom, ' ', prenom)) STORED,
    naissance DATE NOT NULL,
    sexe ENUM('F', 'M') NOT NULL,
    nir CHAR(15) UNIQUE,
    telephone VARCHAR(20),
    courriel VARCHAR(200),
    adresse VARCHAR(200) NOT NULL,
    commune VARCHAR(100) NOT NULL,
    medecin_traitant_id INT NOT NULL,
    ald BOOLEAN NOT NULL DEFAULT FALSE,
    note TEXT,
    cree_le DATETIME NOT NULL,
    KEY patient_nom (nom, prenom),
    CONSTRAINT patient_medecin FOREIGN KEY (medecin_traitant_id) REFERENCES utilisateur (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE rendez_vous (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    patient_id INT NOT NULL,
    utilisateur_id INT NOT NULL,
    debut DATETIME NOT NULL,
    duree_minutes SMALLINT NOT NULL DEFAULT 15,
    statut ENUM('honore', 'en_retard') NOT NULL,
    motif VARCHAR(200),
    KEY rendez_vous_debut (debut),
    CONSTRAINT rendez_vous_patient FOREIGN KEY (patient_id) REFERENCES patient (id),
    CONSTRAINT rendez_vous_utilisateur FOREIGN KEY (utilisateur_id) REFERENCES utilisateur (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE consultation (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    patient_id INT NOT NULL,
    utilisateur_id INT NOT NULL,
    rendez_vous_id BIGINT UNIQUE,
    commencee_le DATETIME NOT NULL,
    motif VARCHAR(200) NOT NULL,
    observation TEXT NOT NULL,
    poids_kg DECIMAL(5, 2),
    systolique SMALLINT,
    diastolique SMALLINT,
    tarif_euros DECIMAL(6, 2) NOT NULL,
    tiers_payant BOOLEAN NOT NULL DEFAULT FALSE,
    KEY consultation_commencee (commencee_le),
    KEY consultation_patient (patient_id, commencee_le),
    CONSTRAINT consultation_patient FOREIGN KEY (patient_id) REFERENCES patient (id),
    CONSTRAINT consultation_utilisateur FOREIGN KEY (utilisateur_id) REFERENCES utilisateur (id),
    CONSTRAINT consultation_rendez_vous FOREIGN KEY (rendez_vous_id) REFERENCES rendez_vous (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE biologie (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    consultation_id BIGINT NOT NULL,
    preleve_le DATE NOT NULL,
    examen VARCHAR(32) NOT NULL,
    valeur DECIMAL(8, 2) NOT NULL,
    unite VARCHAR(16) NOT NULL,
    hors_norme BOOLEAN NOT NULL DEFAULT FALSE,
    commentaire VARCHAR(200),
    UNIQUE KEY biologie_examen (consultation_id, examen),
    CONSTRAINT biologie_consultation FOREIGN KEY (consultation_id) REFERENCES consultation (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE ordonnance (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    consultation_id BIGINT NOT NULL UNIQUE,
    numero VARCHAR(32) NOT NULL UNIQUE,
    signee_le DATETIME NOT NULL,
    renouvelable BOOLEAN NOT NULL DEFAULT FALSE,
    remarque VARCHAR(200),
    CONSTRAINT ordonnance_consultation FOREIGN KEY (consultation_id) REFERENCES consultation (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE ligne_ordonnance (
    ordonnance_id BIGINT NOT NULL,
    rang SMALLINT NOT NULL,
    medicament VARCHAR(100) NOT NULL,
    posologie VARCHAR(200) NOT NULL,
    duree_jours SMALLINT NOT NULL,
    quantite DECIMAL(6, 2) NOT NULL,
    PRIMARY KEY (ordonnance_id, rang),
    CONSTRAINT ligne_duree CHECK (duree_jours > 0),
    CONSTRAINT ligne_ordonnance_ordonnance FOREIGN KEY (ordonnance_id) REFERENCES ordonnance (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE document (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    patient_id INT NOT NULL,
    nom_fichier VARCHAR(120) NOT NULL UNIQUE,
    type_mime VARCHAR(64) NOT NULL,
    taille_octets INT NOT NULL,
    empreinte_sha256 CHAR(64) NOT NULL,
    confidentiel BOOLEAN NOT NULL DEFAULT FALSE,
    ajoute_le DATETIME NOT NULL,
    contenu LONGBLOB NOT NULL,
    CONSTRAINT document_patient FOREIGN KEY (patient_id) REFERENCES patient (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE courrier (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    document_id BIGINT NOT NULL UNIQUE,
    correspondant VARCHAR(200) NOT NULL,
    objet VARCHAR(200) NOT NULL,
    statut ENUM('brouillon', 'envoye') NOT NULL DEFAULT 'brouillon',
    envoye_le DATETIME,
    CONSTRAINT courrier_document FOREIGN KEY (document_id) REFERENCES document (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE historique (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    nom_table VARCHAR(64) NOT NULL,
    ligne_id BIGINT NOT NULL,
    action VARCHAR(32) NOT NULL,
    fait_le DATETIME NOT NULL,
    detail TEXT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- the rows go here

SET unique_checks = 1;
SET foreign_key_checks = 1;

CREATE SQL SECURITY INVOKER VIEW vue_derniere_consultation AS
    SELECT patient_id, max(commencee_le) AS derniere_le, count(*) AS nombre
    FROM consultation GROUP BY patient_id;

CREATE SQL SECURITY INVOKER VIEW vue_biologie_anormale AS
    SELECT b.id, c.patient_id, b.examen, b.valeur, b.unite, b.preleve_le
    FROM biologie AS b JOIN consultation AS c ON c.id = b.consultation_id
    WHERE b.hors_norme;

DELIMITER ;;

CREATE FUNCTION age_annees(naissance DATE, le DATE) RETURNS INT
    DETERMINISTIC NO SQL SQL SECURITY INVOKER
BEGIN
    RETURN timestampdiff(YEAR, naissance, le);
END;;

CREATE FUNCTION nombre_consultations(patient INT) RETURNS BIGINT
    READS SQL DATA SQL SECURITY INVOKER
BEGIN
    RETURN (SELECT count(*) FROM consultation WHERE patient_id = patient);
END;;

CREATE PROCEDURE noter_historique(IN nom VARCHAR(64), IN ligne BIGINT, IN texte TEXT)
    MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
    INSERT INTO historique (nom_table, ligne_id, action, fait_le, detail)
    VALUES (nom, ligne, 'note', now(), texte);
END;;

CREATE TRIGGER consultation_historique AFTER UPDATE ON consultation FOR EACH ROW
BEGIN
    INSERT INTO historique (nom_table, ligne_id, action, fait_le, detail)
    VALUES ('consultation', OLD.id, 'modification', now(), OLD.motif);
END;;

CREATE TRIGGER patient_suppression_interdite BEFORE DELETE ON patient FOR EACH ROW
BEGIN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'un dossier de patient ne se supprime pas';
END;;

DELIMITER ;
